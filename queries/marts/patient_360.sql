-- one row per person
with person as (
    select * from hub.person
),

visited as (
    select
        person_id,
        count(*) as visit_count,
        count(*) filter (where is_paying or paid_line.visit_id is not null) as paid_visit_count
    from hub.visit as visit
    left join (
        select distinct visit_id from hub.charge_line where is_billed and billed_fen > 0
    ) as paid_line on visit.visit_id = paid_line.visit_id
    where person_id is not null
    group by person_id
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
    case
        when coalesce(visited.visit_count, 0) = 0 then 'potential'
        when visited.paid_visit_count = 0 then 'visited_unpaid'
        when visited.paid_visit_count = 1 then 'first'
        else 'return'
    end as lifecycle,
    person.created_at
from person
left join visited on person.person_id = visited.person_id
left join channel on person.first_channel_id = channel.channel_id
