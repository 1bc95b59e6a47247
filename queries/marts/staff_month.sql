-- one row per staff member, month and department
select
    hours.practitioner_id,
    hours.month,
    hours.dept_id,
    cast(hours.month || '-01' as date) as biz_date,
    dept.site_id,
    dept.brand_id,
    dept.city,
    dept.business_line,
    staff.role,
    case when staff.role = 'doctor' then staff.practitioner_id end as doctor_id,
    coalesce(staff.fte, 0) as fte,
    hours.paid_min,
    hours.productive_min,
    hours.pay_fen
from hub.labour_hours as hours
left join hub.practitioner as staff on hours.practitioner_id = staff.practitioner_id
left join hub.org_unit as dept on hours.dept_id = dept.org_unit_id
