-- one row per person and site that knows the person
with known as (
    select link.person_id, record.site_id
    from hub.person_record as record
    inner join hub.person_link as link on record.record_id = link.record_id
    union
    select person_id, site_id from hub.lead
    union
    select person_id, site_id from hub.appointment
    union
    select person_id, site_id from hub.visit
    union
    select person_id, site_id from hub.payment
)

select person_id, site_id
from known
where person_id is not null and site_id is not null
