-- one row per campaign, day and kind of spend
with spend as (
    select * from raw.crm_spend
),

campaign as (
    select * from hub.campaign
),

site as (
    select * from hub.org_unit
)

select
    spend."活动编号" as campaign_id,
    spend."日期" as biz_date,
    month_of(spend."日期") as month,
    case spend."费用类型"
        when '媒体' then 'media' when '返佣' then 'rebate' when '内容' then 'content'
        when '活动' then 'event' when '人员' then 'staff'
    end as kind,
    campaign.channel_id,
    site.org_unit_id as site_id,
    site.brand_id,
    site.city,
    site.business_line,
    to_fen(spend."金额") as spend_fen,
    spend."展现" as impressions,
    spend."点击" as clicks
from spend
left join campaign on spend."活动编号" = campaign.campaign_id
left join site on spend."门店编码" = site.org_unit_id
