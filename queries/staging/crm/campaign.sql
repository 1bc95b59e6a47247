-- one row per campaign
with campaign as (
    select * from raw.crm_campaign
),

channel as (
    select * from hub.channel
)

select
    campaign."活动编号" as campaign_id,
    channel.channel_id,
    campaign."活动名称" as name,
    campaign."开始日期" as starts_on,
    campaign."结束日期" as ends_on,
    campaign."目标" as objective,
    to_fen(campaign."预算") as budget_fen
from campaign
left join channel on campaign."渠道编号" = channel.channel_id
