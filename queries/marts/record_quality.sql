-- one row per record of a person in a source: how much of what should be known is filled in
with asked as (
    select
        record.record_id,
        record.source_system,
        record.site_id,
        local_date(record.created_at, record.site_id) as biz_date,
        cast(record.name is not null as int) + cast(record.sex is not null as int)
        + cast(record.birth_date is not null as int) + cast(record.phone_hash is not null as int)
        + cast(record.card_hash is not null as int)
        + cast(record.channel_id is not null as int) as fields_filled
    from hub.person_record as record
)

select
    asked.record_id,
    asked.source_system,
    asked.site_id,
    asked.biz_date,
    month_of(asked.biz_date) as month,
    site.brand_id,
    site.city,
    site.business_line,
    cast(6 as bigint) as fields_asked,
    asked.fields_filled
from asked
left join hub.org_unit as site on asked.site_id = site.org_unit_id
