-- one row per source record and kind of identifier
with record as (
    select record.*, link.person_id
    from hub.person_record as record
    inner join hub.person_link as link on record.record_id = link.record_id
),

identifier as (
    select person_id, record_id, 'his_mrn' as kind, mask_identifier(his_mrn) as masked,
        pseudonym(his_mrn) as value_hash, source_system, cast(null as text) as relation, site_id
    from record
    union all
    select person_id, record_id, 'crm_id', mask_identifier(source_pk),
        pseudonym(source_pk), source_system, cast(null as text), site_id
    from record
    where source_system = 'crm'
    union all
    select person_id, record_id, 'id_card', card_masked, card_hash, source_system,
        cast(null as text), site_id
    from record
    union all
    select person_id, record_id, 'wechat_unionid', wechat_masked, wechat_hash, source_system,
        cast(null as text), site_id
    from record
    union all
    select person_id, record_id, 'phone', phone_masked, phone_hash, source_system,
        phone_relation, site_id
    from record
)

select *
from identifier
where value_hash is not null
