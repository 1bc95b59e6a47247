-- one row per month, clinical department, cost class and level, by the published method
with kept as (
    select
        month,
        dept_id,
        cost_class,
        level,
        amount_fen
    from hub.cost_allocation
    where is_published and is_final
),

centre as (
    select * from hub.cost_centre
)

select
    kept.month as period,
    kept.month,
    cast(kept.month || '-01' as date) as biz_date,
    centre.site_id,
    kept.dept_id,
    centre.brand_id,
    centre.city,
    centre.business_line,
    kept.cost_class,
    kept.level,
    kept.amount_fen
from kept
left join centre on kept.dept_id = centre.dept_id
