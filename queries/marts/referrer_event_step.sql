-- one row per paying person and event on the way to bringing somebody
with entry as (
    select person_id, min(entered_at) as at, min(entered_on) as entry_on,
        first_value(site_id order by entered_at, visit_id) as site_id,
        first_value(brand_id order by entered_at, visit_id) as brand_id,
        first_value(city order by entered_at, visit_id) as city,
        first_value(business_line order by entered_at, visit_id) as business_line,
        first_value(channel_id order by entered_at, visit_id) as channel_id,
        first_value(doctor_id order by entered_at, visit_id) as doctor_id,
        first_value(consultant_id order by entered_at, visit_id) as consultant_id
    from hub.line_entry
    group by person_id
),

brought as (
    select edge.referrer_person_id, edge.referred_person_id, edge.at
    from hub.referral_edge as edge
    where edge.status = 'counted'
),

event as (
    select person_id, 'paid' as step, at from entry
    union
    select person_id, 'recommends', at from hub.survey_response where is_promoter
    union
    select referrer_person_id, 'referred', at from brought
    union
    select brought.referrer_person_id, 'referred_arrived', min(visit.arrived_at)
    from brought
    inner join hub.visit as visit on brought.referred_person_id = visit.person_id
    group by brought.referrer_person_id, brought.referred_person_id
    union
    select brought.referrer_person_id, 'referred_paid', friend.at
    from brought
    inner join entry as friend on brought.referred_person_id = friend.person_id
)

select
    entry.person_id,
    entry.site_id,
    entry.brand_id,
    entry.city,
    entry.business_line,
    entry.channel_id,
    entry.doctor_id,
    entry.consultant_id,
    entry.entry_on,
    month_of(entry.entry_on) as month,
    event.step,
    event.at
from event
inner join entry on event.person_id = entry.person_id
where event.at >= entry.at
