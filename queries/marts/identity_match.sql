-- one row per pair of persons that share a record number, a phone or a WeChat id and no more
with contact as (
    select 'phone' as kind, phone_hash as hash, person_id from hub.person_phone
    union
    select 'wechat', record.wechat_hash, link.person_id
    from hub.person_record as record
    inner join hub.person_link as link on record.record_id = link.record_id
    where record.wechat_hash is not null
    union
    select 'mrn', record.his_mrn, link.person_id
    from hub.person_record as record
    inner join hub.person_link as link on record.record_id = link.record_id
    where record.his_mrn is not null
),

-- what stands on many files is a placeholder or a front desk's own, and says nothing
telling as (
    select kind, hash from contact group by kind, hash having count(*) between 2 and 12
),

candidate as (
    select contact.*
    from contact
    inner join telling on contact.kind = telling.kind and contact.hash = telling.hash
),

pair as (
    select a.person_id as left_id, b.person_id as right_id, min(a.kind) as kind
    from candidate as a
    inner join candidate as b
        on a.kind = b.kind and a.hash = b.hash and a.person_id < b.person_id
    group by a.person_id, b.person_id
),

person as (
    select person.*, record.record_id
    from hub.person as person
    inner join (
        select person_id, min(record_id) as record_id from hub.person_link group by person_id
    ) as record on person.person_id = record.person_id
),

refused as (
    select distinct
        least(a.person_id, b.person_id) as left_id, greatest(a.person_id, b.person_id) as right_id
    from hub.identity_decision as decision
    inner join hub.person_link as a on decision.left_record_id = a.record_id
    inner join hub.person_link as b on decision.right_record_id = b.record_id
    where decision.decision = 'different'
)

select
    pair.left_id,
    pair.right_id,
    a.record_id as left_record_id,
    b.record_id as right_record_id,
    mask_name(a.display_name) as left_name,
    mask_name(b.display_name) as right_name,
    -- who shares several waits by the record number, then by the phone
    pair.kind || case
        when a.display_name = b.display_name then '_name'
        when a.birth_date = b.birth_date then '_birth_date'
        else ''
    end as rule,
    'pending' as decision
from pair
left anti join refused on pair.left_id = refused.left_id and pair.right_id = refused.right_id
inner join person as a on pair.left_id = a.person_id
inner join person as b on pair.right_id = b.person_id
