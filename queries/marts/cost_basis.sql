-- one row per month, department and business line of sites whose full cost is known
with allocated as (
    select month
    from hub.cost_run
    where is_published and status = 'allocated'
),

part as (
    select
        month, site_id, dept_id, brand_id, city, business_line, 1 as visits,
        cast(0 as bigint) as earned_fen
    from hub.visit
    where is_costed
    union all
    select month, site_id, dept_id, brand_id, city, business_line, 0, amount_fen
    from hub.earned_line
    where is_costed
)

select
    part.month || ':' || part.site_id || ':' || coalesce(part.dept_id, '') || ':'
        || coalesce(part.business_line, '') as basis_id,
    part.month,
    cast(part.month || '-01' as date) as biz_date,
    part.site_id,
    part.dept_id,
    part.brand_id,
    part.city,
    part.business_line,
    sum(part.visits) as visits,
    sum(part.earned_fen) as earned_fen
from part
inner join allocated on part.month = allocated.month
group by
    part.month, part.site_id, part.dept_id, part.brand_id, part.city, part.business_line
