-- one row per treatment plan of a person
with plan as (
    select * from hub.treatment_plan where person_id is not null
),

line as (
    select
        plan_id,
        count(*) as item_count,
        count(*) filter (where is_done) as items_done
    from hub.treatment_plan_item
    where plan_id is not null
    group by plan_id
)

select
    plan.plan_id,
    plan.person_id,
    plan.site_id,
    plan.status,
    plan.presented_at,
    plan.total_fen,
    coalesce(line.item_count, 0) as item_count,
    coalesce(line.items_done, 0) as items_done
from plan
left join line on plan.plan_id = line.plan_id
