-- one row per lead and event of the lead funnels
with lead as (
    select * from hub.lead
),

booking as (
    select * from hub.appointment where source_lead_id is not null
),

arrival as (
    select
        booking.source_lead_id as lead_id,
        visit.visit_id,
        coalesce(visit.arrived_at, booking.arrived_at) as at
    from booking
    left join hub.visit as visit on booking.appointment_id = visit.appointment_id
),

consult as (
    select * from hub.consult
),

event as (
    select lead_id, 'lead' as step, created_at as at from lead
    union
    select lead_id, 'contacted', first_response_at from lead
    union
    select lead_id, 'contacted', at from hub.lead_status_event where to_status = 'contacted'
    union
    select source_lead_id, 'booked', booked_at from booking
    union
    select lead_id, 'arrived', at from arrival
    union
    select arrival.lead_id, 'consult', consult.started_at
    from arrival
    inner join consult on arrival.visit_id = consult.visit_id
    union
    select arrival.lead_id, 'won', coalesce(consult.ended_at, consult.started_at)
    from arrival
    inner join consult on arrival.visit_id = consult.visit_id and consult.is_won
    union
    select arrival.lead_id, 'paid', payment.paid_at
    from arrival
    inner join hub.payment as payment on arrival.visit_id = payment.visit_id and payment.is_cash
    union
    select lead_id, step, at from hub.lead_contact_step
)

select
    lead.lead_id,
    lead.person_id,
    lead.site_id,
    lead.brand_id,
    lead.city,
    lead.business_line,
    lead.channel_id,
    lead.consultant_id,
    lead.biz_date as entry_on,
    lead.month,
    event.step,
    event.at
from event
inner join lead on event.lead_id = lead.lead_id
where event.at is not null
