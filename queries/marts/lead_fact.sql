-- one row per lead, with what became of it
with lead as (
    select * from hub.lead
),

booking as (
    select
        appointment.source_lead_id as lead_id,
        min(appointment.booked_at) as first_booked_at,
        bool_or(visit.visit_id is not null or appointment.arrived_at is not null) as is_arrived,
        bool_or(coalesce(consult.is_won, false)) as is_won
    from hub.appointment as appointment
    left join hub.visit as visit on appointment.appointment_id = visit.appointment_id
    left join hub.consult as consult on visit.visit_id = consult.visit_id
    where appointment.source_lead_id is not null
    group by appointment.source_lead_id
)

select
    lead.lead_id,
    lead.person_id,
    lead.site_id,
    lead.biz_date,
    lead.month,
    lead.brand_id,
    lead.city,
    lead.business_line,
    lead.channel_id,
    lead.channel_kind,
    lead.campaign_id,
    lead.consultant_id,
    lead.owner_id,
    lead.created_at,
    lead.grade,
    lead.status,
    lead.response_min,
    lead.is_valid,
    booking.lead_id is not null as is_booked,
    coalesce(booking.is_arrived, false) as is_arrived,
    coalesce(booking.is_won, false) as is_won,
    booking.first_booked_at
from lead
left join booking on lead.lead_id = booking.lead_id
