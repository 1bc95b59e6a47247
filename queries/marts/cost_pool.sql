-- one row per month, clinical department, level, cost class and role: cost for its items to share;
-- role `any` holds what no role of the department owns
with booked as (
    select
        month, site_id, dept_id, level, cost_class,
        cast(sum(amount_fen) as decimal(38, 0)) as fen
    from hub.cost_full
    group by month, site_id, dept_id, level, cost_class
),

pay as (
    select
        hours.month,
        hours.dept_id,
        staff.role,
        cast(sum(hours.pay_fen) as decimal(38, 0)) as pay
    from hub.labour_hours as hours
    inner join hub.practitioner as staff on hours.practitioner_id = staff.practitioner_id
    group by hours.month, hours.dept_id, staff.role
    having sum(hours.pay_fen) > 0
),

paid as (
    select *, sum(pay) over (partition by month, dept_id) as total
    from pay
),

-- the department's own labour goes to its roles by pay, to the fen by largest remainder
split as (
    select
        booked.*,
        paid.role,
        booked.fen * paid.pay % paid.total as rest,
        cast(
            (booked.fen * paid.pay - booked.fen * paid.pay % paid.total) / paid.total as bigint
        ) as whole
    from booked
    inner join paid on booked.month = paid.month and booked.dept_id = paid.dept_id
    where booked.cost_class = 'labour' and booked.level = 0 and booked.fen > 0
),

ranked as (
    select
        *,
        row_number() over (partition by month, dept_id order by rest desc, role) as place,
        cast(fen as bigint) - sum(whole) over (partition by month, dept_id) as missing
    from split
)

select
    month, site_id, dept_id, level, cost_class, role,
    whole + case when place <= missing then 1 else 0 end as amount_fen
from ranked
union all
select
    booked.month, booked.site_id, booked.dept_id, booked.level, booked.cost_class, 'any',
    cast(booked.fen as bigint)
from booked
left join (select distinct month, dept_id, level, cost_class from split) as done
    on booked.month = done.month and booked.dept_id = done.dept_id
        and booked.level = done.level and booked.cost_class = done.cost_class
where done.month is null
