-- one row per month, department and material it used
with used as (
    select * from raw.ledger_material_usage
),

dept as (
    select * from hub.org_unit
)

select
    used.period as month,
    used.department as dept_id,
    dept.site_id,
    used.material as material_id,
    used.quantity as qty
from used
left join dept on used.department = dept.org_unit_id
