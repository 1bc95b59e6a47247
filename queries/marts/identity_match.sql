-- one row per pair of persons that share a phone and no strong fact
with phone as (
    select phone_hash, person_id from hub.person_phone group by phone_hash, person_id
),

-- a number on many files is a placeholder or a front desk's own, and says nothing
telling as (
    select phone_hash from phone group by phone_hash having count(*) between 2 and 12
),

candidate as (
    select phone.phone_hash, phone.person_id
    from phone
    inner join telling on phone.phone_hash = telling.phone_hash
),

pair as (
    select a.person_id as left_id, b.person_id as right_id
    from candidate as a
    inner join candidate as b on a.phone_hash = b.phone_hash and a.person_id < b.person_id
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
    case
        when a.display_name = b.display_name then 'phone_name'
        when a.birth_date = b.birth_date then 'phone_birth_date'
        else 'phone'
    end as rule,
    'pending' as decision
from pair
left anti join refused on pair.left_id = refused.left_id and pair.right_id = refused.right_id
inner join person as a on pair.left_id = a.person_id
inner join person as b on pair.right_id = b.person_id
