-- one row per staff member, month and department
with hours as (
    select * from raw.ledger_labour_hours
),

dept as (
    select * from hub.org_unit
)

select
    cast(hours.staff_id as text) as practitioner_id,
    hours.month,
    hours.department as dept_id,
    dept.site_id,
    hours.paid_minutes as paid_min,
    hours.productive_minutes as productive_min,
    to_fen(hours.pay) as pay_fen
from hours
left join dept on hours.department = dept.org_unit_id
