-- one row per staff member, month and department
with hours as (
    select
        *,
        case when sum(paid_min) over person > 0 then paid_min else 1 end as weight
    from hub.labour_hours
    window person as (partition by practitioner_id, month)
),

-- how far a member's departments have come, one after the other: 0 to 1
shared as (
    select
        *,
        cast(sum(weight) over upto as double) / sum(weight) over person as share_to,
        cast(sum(weight) over upto - weight as double) / sum(weight) over person as share_from
    from hours
    window
        person as (partition by practitioner_id, month),
        upto as (partition by practitioner_id, month order by dept_id)
)

select
    shared.practitioner_id,
    shared.month,
    shared.dept_id,
    cast(shared.month || '-01' as date) as biz_date,
    dept.site_id,
    dept.brand_id,
    dept.city,
    dept.business_line,
    staff.role,
    case when staff.role = 'doctor' then staff.practitioner_id end as doctor_id,
    -- differences of rounded running shares: a member's departments add up to the whole
    coalesce(
        cast(round(staff.fte * shared.share_to, 4) as decimal(8, 4))
        - cast(round(staff.fte * shared.share_from, 4) as decimal(8, 4)),
        0
    ) as fte,
    shared.paid_min,
    shared.productive_min,
    shared.pay_fen
from shared
left join hub.practitioner as staff on shared.practitioner_id = staff.practitioner_id
left join hub.org_unit as dept on shared.dept_id = dept.org_unit_id
