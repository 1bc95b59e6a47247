-- one row per HIS patient
with patient as (
    select * from raw.his_t_br
),

site as (
    select * from hub.org_unit
),

cleaned as (
    select
        *,
        nullif(regexp_replace(xm, '\s', '', 'g'), '') as full_name,
        nullif(regexp_replace(
            regexp_replace(translate(lxdh, '０１２３４５６７８９', '0123456789'), '[^0-9]', '', 'g'),
            '^(?:00)?86(1[0-9]{10})$', '\1'
        ), '') as phone,
        nullif(upper(regexp_replace(sfz, '\s', '', 'g')), '') as card,
        nullif(trim(wxid), '') as wechat
    from patient
),

-- GB 11643: digits weighted by 2^(18-i) mod 11; the check character follows
checked as (
    select
        *,
        card ~ '^[1-9][0-9]{16}[0-9X]$' and substr(card, 18, 1) = substr('10X98765432', (
            try_cast(substr(card, 1, 1) as int) * 7 + try_cast(substr(card, 2, 1) as int) * 9
            + try_cast(substr(card, 3, 1) as int) * 10 + try_cast(substr(card, 4, 1) as int) * 5
            + try_cast(substr(card, 5, 1) as int) * 8 + try_cast(substr(card, 6, 1) as int) * 4
            + try_cast(substr(card, 7, 1) as int) * 2 + try_cast(substr(card, 8, 1) as int) * 1
            + try_cast(substr(card, 9, 1) as int) * 6 + try_cast(substr(card, 10, 1) as int) * 3
            + try_cast(substr(card, 11, 1) as int) * 7 + try_cast(substr(card, 12, 1) as int) * 9
            + try_cast(substr(card, 13, 1) as int) * 10 + try_cast(substr(card, 14, 1) as int) * 5
            + try_cast(substr(card, 15, 1) as int) * 8 + try_cast(substr(card, 16, 1) as int) * 4
            + try_cast(substr(card, 17, 1) as int) * 2
        ) % 11 + 1, 1) as has_valid_card
    from cleaned
)

select
    'his:' || cast(checked.brid as text) as record_id,
    'his' as source_system,
    cast(checked.brid as text) as source_pk,
    checked.full_name as name,
    case checked.xb when 1 then 'male' when 2 then 'female' end as sex,
    checked.csrq as birth_date,
    pseudonym(checked.phone) as phone_hash,
    mask_identifier(checked.phone) as phone_masked,
    case
        when checked.phone is null then null
        when checked.dhgx = 1 then 'self' when checked.dhgx = 2 then 'alt'
        when checked.dhgx = 3 then 'spouse' when checked.dhgx = 4 then 'father'
        when checked.dhgx = 5 then 'mother' when checked.dhgx = 6 then 'child'
        when checked.dhgx = 7 then 'sibling' else 'other'
    end as phone_relation,
    pseudonym(checked.card) as card_hash,
    mask_identifier(checked.card) as card_masked,
    pseudonym(checked.wechat) as wechat_hash,
    mask_identifier(checked.wechat) as wechat_masked,
    checked.blh as his_mrn,
    case when checked.has_valid_card then 'card:' || pseudonym(checked.card) end as key_card,
    case when checked.dhgx = 1 then 'self:' || pseudonym(
        checked.phone || '|' || checked.full_name || '|' || cast(checked.csrq as text)
    ) end as key_self,
    'mrn_name:' || pseudonym(checked.blh || '|' || checked.full_name) as key_mrn_name,
    'mrn_phone:' || pseudonym(checked.blh || '|' || checked.phone) as key_mrn_phone,
    'mrn_birth:' || pseudonym(checked.blh || '|' || cast(checked.csrq as text)) as key_mrn_birth,
    case checked.hy when 1 then 'single' when 2 then 'married' when 9 then 'other' end as marital,
    nullif(checked.zy, '') as occupation,
    nullif(checked.xq, '') as district,
    checked.qdid as channel_id,
    cast(checked.gwid as text) as consultant_id,
    cast(checked.kfid as text) as service_id,
    cast(checked.ysid as text) as doctor_id,
    site.site_id,
    checked.jdsj as created_at
from checked
left join site on checked.jgid = site.his_org_id
