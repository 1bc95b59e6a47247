-- one row per month, department, item and role: minutes its cases take by standard
with cases as (
    select month, site_id, dept_id, item_id, sum(cases) as cases
    from hub.item_use
    where dept_id is not null and item_type = 'service'
    group by month, site_id, dept_id, item_id
    having sum(cases) > 0
)

select
    cases.month,
    cases.site_id,
    cases.dept_id,
    cases.item_id,
    standard.role,
    cases.cases,
    standard.heads,
    standard.minutes,
    cast(cases.cases * standard.heads * standard.minutes as decimal(18, 4)) as work_min
from cases
inner join hub.item_time_std as standard on cases.item_id = standard.item_id
where standard.heads > 0 and standard.minutes > 0
