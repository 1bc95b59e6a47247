-- one row per lead and step of the online consultation before a booking
with lead as (
    select * from hub.lead
),

reachable as (
    -- a phone or a WeChat id left behind, whichever record holds it
    select link.person_id, min(record.created_at) as at
    from hub.person_record as record
    inner join hub.person_link as link on record.record_id = link.record_id
    where record.phone_hash is not null or record.wechat_hash is not null
    group by link.person_id
)

select lead.lead_id, 'chat' as step, min(touch.at) as at
from lead
inner join hub.touchpoint as touch on lead.lead_id = touch.lead_id
where touch.direction = 'in' and touch.kind in ('message', 'call', 'form')
group by lead.lead_id
union all
select lead.lead_id, 'contact_left', greatest(lead.created_at, reachable.at)
from lead
inner join reachable on lead.person_id = reachable.person_id
union all
select lead.lead_id, 'graded', min(event.at)
from lead
inner join hub.lead_status_event as event on lead.lead_id = event.lead_id
where lead.grade is not null and event.to_status = 'qualified'
group by lead.lead_id
