-- one row per CRM customer
with customer as (
    select * from raw.crm_customer
),

first_lead as (
    select
        "客户编号" as customer_id,
        first_value("门店编码" order by "创建时间", "线索编号") as site_id
    from raw.crm_lead
    group by "客户编号"
),

cleaned as (
    select
        *,
        nullif(regexp_replace("姓名", '\s', '', 'g'), '') as full_name,
        nullif(regexp_replace(
            regexp_replace(translate("手机", '０１２３４５６７８９', '0123456789'), '[^0-9]', '', 'g'),
            '^(?:00)?86(1[0-9]{10})$', '\1'
        ), '') as phone,
        nullif(upper(regexp_replace("身份证号", '\s', '', 'g')), '') as card,
        nullif(trim("微信号"), '') as wechat,
        nullif(trim("HIS病历号"), '') as mrn
    from customer
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
    'crm:' || checked."客户编号" as record_id,
    'crm' as source_system,
    checked."客户编号" as source_pk,
    checked.full_name as name,
    case checked."性别" when '男' then 'male' when '女' then 'female' end as sex,
    checked."出生日期" as birth_date,
    pseudonym(checked.phone) as phone_hash,
    mask_identifier(checked.phone) as phone_masked,
    case
        when checked.phone is null then null
        when checked."手机关系" = '本人' then 'self' when checked."手机关系" = '副号' then 'alt'
        when checked."手机关系" = '配偶' then 'spouse' when checked."手机关系" = '父亲' then 'father'
        when checked."手机关系" = '母亲' then 'mother' when checked."手机关系" = '子女' then 'child'
        when checked."手机关系" = '兄弟姐妹' then 'sibling' else 'other'
    end as phone_relation,
    pseudonym(checked.card) as card_hash,
    mask_identifier(checked.card) as card_masked,
    pseudonym(checked.wechat) as wechat_hash,
    mask_identifier(checked.wechat) as wechat_masked,
    checked.mrn as his_mrn,
    case when checked.has_valid_card then 'card:' || pseudonym(checked.card) end as key_card,
    case when checked."手机关系" = '本人' then 'self:' || pseudonym(
        checked.phone || '|' || checked.full_name || '|' || cast(checked."出生日期" as text)
    ) end as key_self,
    'mrn_name:' || pseudonym(checked.mrn || '|' || checked.full_name) as key_mrn_name,
    'mrn_phone:' || pseudonym(checked.mrn || '|' || checked.phone) as key_mrn_phone,
    'mrn_birth:' || pseudonym(checked.mrn || '|' || cast(checked."出生日期" as text))
        as key_mrn_birth,
    checked."渠道编号" as channel_id,
    first_lead.site_id,
    checked."建档时间" as created_at
from checked
left join first_lead on checked."客户编号" = first_lead.customer_id
