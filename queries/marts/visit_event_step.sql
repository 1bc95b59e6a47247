-- one row per visit and reached step of the consultation on site
with visit as (
    select * from hub.visit
),

event as (
    select
        visit_id,
        -- examined or treated: the service the consultation led to
        case step when 'exam' then 'service' when 'treat' then 'service' else step end as step,
        at
    from hub.sop_event
    where step in ('triage', 'consult', 'order', 'pay', 'exam', 'treat')
    union
    select visit_id, 'plan', presented_at from hub.treatment_plan where visit_id is not null
    union
    select visit.visit_id, 'next_booked', next.booked_at
    from visit
    inner join hub.appointment as next
        on visit.person_id = next.person_id and visit.biz_date = next.booked_on
    where next.booked_at >= visit.arrived_at and next.start_at > visit.arrived_at
        and visit.appointment_id is distinct from next.appointment_id
)

select
    visit.visit_id,
    visit.person_id,
    visit.site_id,
    visit.brand_id,
    visit.city,
    visit.business_line,
    visit.channel_id,
    visit.doctor_id,
    visit.consultant_id,
    visit.visit_type,
    visit.biz_date as entry_on,
    visit.month,
    event.step,
    event.at
from event
inner join visit on event.visit_id = visit.visit_id
