-- one row per follow-up task, as the follow-up board shows it
with task as (
    select * from hub.followup_task
),

person as (
    select * from hub.person
),

staff as (
    select * from hub.practitioner
)

select
    task.task_id as card_id,
    task.person_id,
    task.site_id,
    task.biz_date,
    task.month,
    task.brand_id,
    task.city,
    task.business_line,
    case when task.owner_role = 'consultant' then task.owner_id end as consultant_id,
    case when task.owner_role = 'doctor' then task.owner_id end as doctor_id,
    task.category,
    task.owner_role,
    task.owner_id,
    task.status,
    task.due_at as planned_at,
    task.is_overdue,
    mask_name(person.display_name) as masked_name,
    case task.tool
        when 'phone' then '电话' when 'sms' then '短信' when 'wechat' then '微信' else '到访'
    end || coalesce(' · ' || staff.name, '') as subtitle
from task
left join person on task.person_id = person.person_id
left join staff on task.owner_id = staff.practitioner_id
