-- one row per department that may have cost
with dept as (
    select * from hub.org_unit
    where level = 'department'
),

site as (
    select * from hub.org_unit
    where level = 'site'
)

select
    dept.org_unit_id as dept_id,
    dept.name,
    coalesce(dept.dept_cost_class, 'unclassified') as class,
    dept.site_id,
    dept.brand_id,
    dept.city,
    coalesce(nullif(dept.business_line, 'other'), site.business_line) as business_line
from dept
left join site on dept.site_id = site.org_unit_id
