-- one row per line of a presented treatment plan
with done as (
    select act.plan_item_id, act.biz_date, count(*) as times
    from hub.procedure as act
    where act.status = 'done' and act.plan_item_id is not null
    group by act.plan_item_id, act.biz_date
),

valued as (
    select
        line.plan_item_id,
        line.person_id,
        line.item_id,
        line.qty,
        line.accepted_at,
        plan.plan_id,
        plan.site_id,
        plan.biz_date,
        plan.month,
        plan.brand_id,
        plan.city,
        plan.business_line,
        plan.doctor_id,
        plan.consultant_id,
        plan.presented_at,
        cast(round(line.price_fen * line.qty) as bigint) - line.discount_fen as value_fen
    from hub.treatment_plan_item as line
    inner join hub.treatment_plan as plan on line.plan_id = plan.plan_id
    where plan.status not in ('draft', 'void')
),

judged as (
    select
        valued.*,
        coalesce(
            to_unixtime(valued.accepted_at) - to_unixtime(valued.presented_at)
            <= setting.acceptance_days * 86400,
            false
        ) as is_accepted,
        least(cast(coalesce(done.times, 0) as decimal(10, 2)), valued.qty) as done_qty
    from valued
    cross join hub.metric_setting as setting
    left join done
        on valued.plan_item_id = done.plan_item_id and valued.biz_date = done.biz_date
)

select
    judged.plan_item_id, judged.plan_id, judged.person_id, judged.site_id, judged.biz_date,
    judged.month, judged.brand_id, judged.city, judged.business_line, judged.doctor_id,
    judged.consultant_id, judged.item_id, item.category, judged.value_fen, judged.is_accepted,
    case when judged.is_accepted then judged.value_fen else 0 end as accepted_fen,
    coalesce(
        cast(floor(judged.value_fen * judged.done_qty / nullif(judged.qty, 0)) as bigint), 0
    ) as done_fen
from judged
left join hub.item as item on judged.item_id = item.item_id
