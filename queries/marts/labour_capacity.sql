-- one row per month, clinical department and role: capacity bought, used and left
with pay as (
    select
        hours.month,
        hours.site_id,
        hours.dept_id,
        staff.role,
        sum(hours.pay_fen) as cost_fen,
        sum(hours.paid_min) as paid_min,
        count(distinct hours.practitioner_id) as heads
    from hub.labour_hours as hours
    inner join hub.practitioner as staff on hours.practitioner_id = staff.practitioner_id
    group by hours.month, hours.site_id, hours.dept_id, staff.role
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

joined as (
    select
        pay.*,
        cast(pay.paid_min * rules.pct as decimal(38, 0)) as practical_percent_min,
        coalesce(used.work_min, cast(0 as decimal(28, 4))) as used_min
    from pay
    inner join clinical on pay.month = clinical.month and pay.dept_id = clinical.dept_id
    inner join rules on pay.month = rules.month
    left join used on pay.month = used.month and pay.dept_id = used.dept_id
        and pay.role = used.role
),

charged as (
    select
        *,
        cast(round(
            cast(cost_fen as decimal(18, 0)) * 100 * used_min / nullif(practical_percent_min, 0)
        ) as bigint) as charged_fen
    from joined
)

select
    month,
    cast(month || '-01' as date) as biz_date,
    site_id,
    dept_id,
    role,
    heads,
    cost_fen,
    paid_min,
    cast(practical_percent_min / 100 as decimal(18, 4)) as practical_min,
    cast(used_min as decimal(18, 4)) as used_min,
    coalesce(charged_fen, 0) as charged_fen,
    cost_fen - coalesce(charged_fen, 0) as unused_fen
from charged
