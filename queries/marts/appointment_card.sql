-- one row per appointment, as the day boards show it
with appointment as (
    select * from hub.appointment
),

visit as (
    select * from hub.visit where appointment_id is not null
),

consulting as (
    select distinct visit_id from hub.consult where ended_at is null
),

unpaid as (
    select distinct visit_id
    from hub.sales_order
    where status in ('billed', 'partly_paid') and visit_id is not null
),

arrival as (
    select
        visit.appointment_id,
        min(visit.left_at) as left_at,
        bool_or(consulting.visit_id is not null) as in_consult,
        bool_or(unpaid.visit_id is not null) as has_open_bill
    from visit
    left join consulting on visit.visit_id = consulting.visit_id
    left join unpaid on visit.visit_id = unpaid.visit_id
    group by visit.appointment_id
),

dept as (
    select * from hub.org_unit
),

person as (
    select * from hub.person
)

select
    appointment.appointment_id as card_id,
    appointment.person_id,
    appointment.site_id,
    appointment.biz_date,
    appointment.month,
    appointment.brand_id,
    appointment.city,
    appointment.business_line,
    appointment.channel_id,
    appointment.doctor_id,
    appointment.consultant_id,
    appointment.type,
    appointment.status,
    appointment.start_at as planned_at,
    appointment.arrived_at,
    appointment.seated_at,
    appointment.done_at,
    arrival.left_at,
    coalesce(arrival.in_consult, false) as in_consult,
    coalesce(arrival.has_open_bill, false) as has_open_bill,
    mask_name(person.display_name) as masked_name,
    case appointment.type
        when 'consult' then '咨询' when 'treatment' then '治疗' when 'surgery' then '手术' else '复查'
    end || coalesce(' · ' || dept.name, '') as subtitle
from appointment
left join arrival on appointment.appointment_id = arrival.appointment_id
left join dept on appointment.dept_id = dept.org_unit_id
left join person on appointment.person_id = person.person_id
