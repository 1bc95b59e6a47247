-- one row per lead, as the consultant's board shows it
with lead as (
    select * from hub.lead
),

person as (
    select * from hub.person
),

channel as (
    select * from hub.channel
)

select
    lead.lead_id as card_id,
    lead.person_id,
    lead.site_id,
    lead.biz_date,
    lead.month,
    lead.brand_id,
    lead.city,
    lead.business_line,
    lead.channel_id,
    lead.consultant_id,
    lead.status,
    lead.created_at as planned_at,
    mask_name(person.display_name) as masked_name,
    coalesce(channel.name, '未知渠道') || coalesce(' · ' || lead.interest_item, '') as subtitle
from lead
left join person on lead.person_id = person.person_id
left join channel on lead.channel_id = channel.channel_id
