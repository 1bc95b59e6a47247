-- one row per staff member and department
with staff as (
    select * from raw.his_t_ry
),

dept as (
    select * from hub.org_unit
)

select
    cast(staff.ryid as text) as practitioner_id,
    coalesce(dept.org_unit_id, 'his:' || cast(staff.ksid as text)) as org_unit_id,
    cast(1 as decimal(4, 2)) as share,
    staff.rzrq as from_on,
    staff.lzrq as to_on
from staff
left join dept on staff.ksid = dept.his_org_id
