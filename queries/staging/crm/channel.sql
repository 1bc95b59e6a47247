-- one row per acquisition channel
with channel as (
    select * from raw.crm_channel
)

select
    "渠道编号" as channel_id,
    nullif("上级编号", '') as parent_id,
    "渠道名称" as name,
    case "媒介" when '线上' then 'online' when '线下' then 'offline' when '人' then 'person' end
        as medium,
    case "类型"
        when '付费' then 'paid' when '自然' then 'organic' when '转介绍' then 'referral'
        when '合作' then 'partner' when '员工' then 'staff'
    end as kind,
    "返佣比例" as rebate_rate
from channel
