-- one row per staff member
with staff as (
    select * from raw.his_t_ry
),

dept as (
    select * from hub.org_unit
)

select
    cast(staff.ryid as text) as practitioner_id,
    staff.xm as name,
    case staff.js
        when 1 then 'doctor' when 2 then 'assistant' when 3 then 'nurse' when 4 then 'consultant'
        when 5 then 'customer_service' when 6 then 'marketer' when 7 then 'product_manager'
        when 8 then 'store_manager' when 9 then 'finance' else 'other'
    end as role,
    staff.zc as title,
    staff.rzrq as hired_on,
    staff.lzrq as left_on,
    staff.fte,
    dept.org_unit_id as dept_id,
    dept.site_id,
    dept.brand_id,
    dept.city,
    dept.business_line
from staff
left join dept on staff.ksid = dept.his_org_id
