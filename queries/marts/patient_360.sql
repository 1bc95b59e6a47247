-- one row per person
with person as (
    select * from hub.person
),

lifecycle as (
    select person_id, to_state as state from hub.lifecycle_group_event where until_on is null
),

channel as (
    select * from hub.channel
)

select
    person.person_id,
    person.display_name,
    person.sex,
    person.birth_date,
    person.is_minor_u14,
    person.marital,
    person.occupation,
    person.district,
    person.first_channel_id,
    channel.name as first_channel,
    person.owner_consultant_id,
    person.owner_service_id,
    person.owner_doctor_id,
    person.home_site_id,
    coalesce(lifecycle.state, 'potential') as lifecycle,
    person.created_at
from person
left join lifecycle on person.person_id = lifecycle.person_id
left join channel on person.first_channel_id = channel.channel_id
