-- one row per treatment plan and reached step
with plan as (
    select * from hub.treatment_plan where status not in ('draft', 'void')
),

done as (
    select plan_item_id, min(started_at) as at
    from hub.procedure
    where status = 'done' and plan_item_id is not null
    group by plan_item_id
),

item as (
    select item.plan_id, item.accepted_at, done.at as done_at
    from hub.treatment_plan_item as item
    left join done on item.plan_item_id = done.plan_item_id
    where item.accepted_at is not null
),

event as (
    select plan_id, 'presented' as step, presented_at as at from plan
    union all
    select plan_id, 'accepted', min(accepted_at) from item group by plan_id
    union all
    select plan_id, 'first_done', min(done_at) from item group by plan_id
    union all
    -- every accepted item, not every presented one
    select plan_id, 'all_done', max(done_at)
    from item
    group by plan_id
    having count(*) = count(done_at)
)

select
    plan.plan_id,
    plan.person_id,
    plan.site_id,
    plan.brand_id,
    plan.city,
    plan.business_line,
    plan.doctor_id,
    plan.consultant_id,
    plan.biz_date as entry_on,
    plan.month,
    event.step,
    event.at
from event
inner join plan on event.plan_id = plan.plan_id
where event.at is not null
