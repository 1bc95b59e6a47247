-- one row per touch
with touch as (
    select * from raw.crm_touch
),

link as (
    select * from hub.person_link
),

channel as (
    select * from hub.channel
)

select
    'crm:' || touch."触点编号" as touch_id,
    link.person_id,
    touch."匿名编号" as anon_id,
    'crm:' || touch."线索编号" as lead_id,
    channel.channel_id,
    touch."活动编号" as campaign_id,
    case touch."类型"
        when '浏览' then 'view' when '阅读' then 'read' when '直播' then 'live'
        when '消息' then 'message' when '电话' then 'call' when '表单' then 'form'
        when '到访' then 'visit' when '评价' then 'review' when '分享' then 'share'
    end as kind,
    case touch."方向" when '入' then 'in' when '出' then 'out' end as direction,
    channel.medium,
    touch."时间" as at,
    cast(touch."员工工号" as text) as staff_id,
    local_date(touch."时间") as biz_date,
    month_of(local_date(touch."时间")) as month
from touch
left join link on 'crm:' || touch."客户编号" = link.record_id
left join channel on touch."渠道编号" = channel.channel_id
