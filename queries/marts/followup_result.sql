-- one row per follow-up done with a known person: whether a booking or a visit came of it
with task as (
    select *
    from hub.followup_task
    where status = 'done' and done_at is not null and person_id is not null
),

event as (
    select person_id, done_at as at, task_id, false as is_kept from task
    union all
    select person_id, booked_at, null, true
    from hub.appointment
    where person_id is not null
    union all
    select person_id, arrived_at, null, true
    from hub.visit
    where person_id is not null
),

-- the first booking or arrival at the task's instant or after it
followed as (
    select task_id, min(case when is_kept then at end) over (
        partition by person_id order by at desc
        range between unbounded preceding and current row
    ) as kept_at
    from event
)

select
    task.task_id,
    task.person_id,
    task.site_id,
    local_date(task.done_at, task.site_id) as biz_date,
    month_of(local_date(task.done_at, task.site_id)) as month,
    task.brand_id,
    task.city,
    task.business_line,
    task.category,
    task.owner_role,
    task.owner_id,
    task.done_at,
    followed.kept_at,
    coalesce(
        to_unixtime(followed.kept_at) - to_unixtime(task.done_at) <= setting.followup_days * 86400,
        false
    ) as is_success,
    through.data_through - local_date(task.done_at, task.site_id) >= setting.followup_days
        as is_mature
from task
cross join hub.metric_setting as setting
cross join hub.data_through as through
left join followed on task.task_id = followed.task_id
