-- one row per change of a lead's status
with event as (
    select * from raw.crm_lead_event
),

lead as (
    select * from hub.lead
)

select
    'crm:' || event."事件编号" as event_id,
    lead.lead_id,
    lead.site_id,
    local_date(event."时间", lead.site_id) as biz_date,
    month_of(local_date(event."时间", lead.site_id)) as month,
    case event."原状态"
        when '新建' then 'new' when '已分配' then 'assigned' when '已联系' then 'contacted'
        when '有效' then 'qualified' when '已预约' then 'booked' when '已到诊' then 'arrived'
        when '已成交' then 'won' when '已流失' then 'lost' when '无效' then 'disqualified'
    end as from_status,
    case event."新状态"
        when '新建' then 'new' when '已分配' then 'assigned' when '已联系' then 'contacted'
        when '有效' then 'qualified' when '已预约' then 'booked' when '已到诊' then 'arrived'
        when '已成交' then 'won' when '已流失' then 'lost' when '无效' then 'disqualified'
    end as to_status,
    event."时间" as at,
    cast(event."操作人" as text) as actor_id
from event
left join lead on 'crm:' || event."线索编号" = lead.lead_id
