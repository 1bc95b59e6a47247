-- one row per person
with record as (
    select * from hub.person_record
),

link as (
    select * from hub.person_link
),

through as (
    select data_through from hub.data_through
),

-- HIS before CRM, newest first: the desk that treats a person asks best
ranked as (
    select
        record.*,
        link.person_id,
        row_number() over (
            partition by link.person_id
            order by record.source_system desc, record.created_at desc, record.record_id
        ) as preference
    from record
    inner join link on record.record_id = link.record_id
),

merged as (
    select
        person_id,
        first_value(name order by preference) filter (where name is not null) as display_name,
        first_value(sex order by preference) filter (where sex is not null) as sex,
        first_value(birth_date order by preference) filter (where birth_date is not null)
            as birth_date,
        first_value(marital order by preference) filter (where marital is not null) as marital,
        first_value(occupation order by preference) filter (where occupation is not null)
            as occupation,
        first_value(district order by preference) filter (where district is not null) as district,
        first_value(channel_id order by created_at, record_id) filter (where channel_id is not null)
            as first_channel_id,
        first_value(consultant_id order by preference) filter (where consultant_id is not null)
            as owner_consultant_id,
        first_value(service_id order by preference) filter (where service_id is not null)
            as owner_service_id,
        first_value(doctor_id order by preference) filter (where doctor_id is not null)
            as owner_doctor_id,
        first_value(site_id order by created_at, record_id) filter (where site_id is not null)
            as home_site_id,
        count(*) as record_count,
        min(created_at) as created_at
    from ranked
    group by person_id
)

select
    merged.*,
    coalesce(merged.birth_date > through.data_through - interval '14 years', false)
        as is_minor_u14
from merged
cross join through
