-- one row per lead
with lead as (
    select * from raw.crm_lead
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

channel as (
    select * from hub.channel
),

staff as (
    select * from hub.practitioner
)

select
    'crm:' || lead."线索编号" as lead_id,
    link.person_id,
    lead."门店编码" as site_id,
    local_date(lead."创建时间", lead."门店编码") as biz_date,
    month_of(local_date(lead."创建时间", lead."门店编码")) as month,
    site.brand_id,
    site.city,
    site.business_line,
    channel.channel_id,
    channel.kind as channel_kind,
    lead."活动编号" as campaign_id,
    case when staff.role = 'consultant' then staff.practitioner_id end as consultant_id,
    cast(lead."负责人工号" as text) as owner_id,
    lead."创建时间" as created_at,
    lead."等级" as grade,
    lead."意向项目" as interest_item,
    case lead."状态"
        when '新建' then 'new' when '已分配' then 'assigned' when '已联系' then 'contacted'
        when '有效' then 'qualified' when '已预约' then 'booked' when '已到诊' then 'arrived'
        when '已成交' then 'won' when '已流失' then 'lost' when '无效' then 'disqualified'
    end as status,
    lead."分配时间" as assigned_at,
    lead."首响时间" as first_response_at,
    (to_unixtime(lead."首响时间") - to_unixtime(lead."创建时间")) / 60 as response_min,
    lead."流失原因" as lost_reason,
    lead."是否有效" = '是' as is_valid
from lead
left join link on 'crm:' || lead."客户编号" = link.record_id
left join site on lead."门店编码" = site.org_unit_id
left join channel on lead."渠道编号" = channel.channel_id
left join staff on cast(lead."负责人工号" as text) = staff.practitioner_id
