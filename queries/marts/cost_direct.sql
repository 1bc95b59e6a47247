-- one row per month, department and cost class
with entry as (
    select
        month,
        dept_id,
        coalesce(cost_class, 'other') as cost_class,
        sum(amount_fen) as amount_fen,
        coalesce(sum(amount_fen) filter (where behaviour = 'variable'), 0) as variable_fen
    from hub.cost_entry
    group by month, dept_id, coalesce(cost_class, 'other')
),

dept as (
    select * from hub.org_unit
)

select
    entry.month as period,
    entry.month,
    cast(entry.month || '-01' as date) as biz_date,
    dept.site_id,
    entry.dept_id,
    dept.brand_id,
    dept.city,
    dept.business_line,
    dept.dept_cost_class,
    entry.cost_class,
    entry.amount_fen,
    entry.variable_fen
from entry
left join dept on entry.dept_id = dept.org_unit_id
