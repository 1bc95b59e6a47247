-- one row per phone and source record
with record as (
    select * from hub.person_record
),

link as (
    select * from hub.person_link
)

select
    record.phone_hash,
    link.person_id,
    record.phone_relation as relation,
    record.record_id
from record
inner join link on record.record_id = link.record_id
where record.phone_hash is not null
