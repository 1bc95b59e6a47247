-- one row per month, clinical department and role: capacity bought, used and left
with pay as (
    select
        hours.month,
        hours.dept_id,
        staff.role,
        sum(hours.pay_fen) as cost_fen,
        sum(hours.paid_min) as paid_min,
        count(distinct hours.practitioner_id) as heads
    from hub.labour_hours as hours
    inner join hub.practitioner as staff on hours.practitioner_id = staff.practitioner_id
    group by hours.month, hours.dept_id, staff.role
),

used as (
    select month, dept_id, role, sum(work_min) as work_min
    from hub.item_work
    group by month, dept_id, role
),

clinical as (
    select distinct month, dept_id from hub.cost_full
),

rules as (
    select month, practical_capacity_pct as pct
    from hub.cost_run
    where is_published and practical_capacity_pct is not null
),

-- work of a role nobody is paid for in the department is used all the same
pair as (
    select
        coalesce(pay.month, used.month) as month,
        coalesce(pay.dept_id, used.dept_id) as dept_id,
        coalesce(pay.role, used.role) as role,
        coalesce(pay.heads, 0) as heads,
        coalesce(pay.cost_fen, 0) as cost_fen,
        coalesce(pay.paid_min, 0) as paid_min,
        coalesce(used.work_min, cast(0 as decimal(28, 4))) as used_min
    from pay
    full join used on pay.month = used.month and pay.dept_id = used.dept_id
        and pay.role = used.role
),

joined as (
    select pair.*, cast(pair.paid_min * rules.pct as decimal(38, 0)) as practical_percent_min
    from pair
    inner join clinical on pair.month = clinical.month and pair.dept_id = clinical.dept_id
    inner join rules on pair.month = rules.month
),

charged as (
    select
        *,
        coalesce(cast(round(
            cast(cost_fen as decimal(18, 0)) * 100 * used_min / nullif(practical_percent_min, 0)
        ) as bigint), 0) as charged_fen
    from joined
)

select
    charged.month,
    cast(charged.month || '-01' as date) as biz_date,
    dept.site_id, charged.dept_id, charged.role, charged.heads, charged.cost_fen, charged.paid_min,
    cast(practical_percent_min / 100 as decimal(18, 4)) as practical_min,
    cast(used_min as decimal(18, 4)) as used_min,
    cast(practical_percent_min / 100 - used_min as decimal(18, 4)) as unused_min,
    charged_fen,
    cost_fen - charged_fen as unused_fen
from charged
left join hub.org_unit as dept on charged.dept_id = dept.org_unit_id
