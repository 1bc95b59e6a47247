-- one row per HIS patient or CRM customer
select
    record_id, source_system, source_pk, name, sex, birth_date, phone_hash, phone_masked,
    phone_relation, card_hash, card_masked, wechat_hash, wechat_masked, his_mrn, key_card, key_self,
    key_mrn_name, key_mrn_phone, key_mrn_birth, marital, occupation, district, channel_id,
    consultant_id, service_id, doctor_id, site_id, created_at
from hub.patient_record
union all
select
    record_id, source_system, source_pk, name, sex, birth_date, phone_hash, phone_masked,
    phone_relation, card_hash, card_masked, wechat_hash, wechat_masked, his_mrn, key_card, key_self,
    key_mrn_name, key_mrn_phone, key_mrn_birth, null as marital, null as occupation,
    null as district, channel_id, null as consultant_id, null as service_id, null as doctor_id, site_id, created_at
from hub.customer_record
