-- one row per visit and rule of the expected order it broke
with step as (
    select visit_id, step, min(at) as first_at, max(at) as last_at
    from hub.sop_event
    where visit_id is not null
    group by visit_id, step
),

judged as (
    select
        step.visit_id,
        rule.rule_id,
        step.step,
        rule.other_step,
        case when rule.kind = 'before' then step.first_at else step.last_at end as at,
        case when rule.kind = 'before' then other.first_at else other.last_at end as other_at,
        case when rule.kind = 'before'
            then coalesce(other.first_at <= step.first_at, false)
            else coalesce(other.last_at >= step.last_at, false)
        end as is_kept
    from step
    inner join hub.sop_rule as rule on step.step = rule.step
    left join step as other
        on step.visit_id = other.visit_id and rule.other_step = other.step
)

select
    judged.visit_id || ':' || judged.rule_id as breach_id,
    judged.visit_id,
    judged.rule_id,
    visit.person_id,
    visit.site_id,
    visit.biz_date,
    visit.month,
    visit.brand_id,
    visit.city,
    visit.business_line,
    visit.dept_id,
    visit.doctor_id,
    visit.consultant_id,
    judged.step,
    judged.other_step,
    judged.at,
    judged.other_at,
    abs(to_unixtime(judged.other_at) - to_unixtime(judged.at)) / 60 as gap_min
from judged
inner join hub.visit as visit on judged.visit_id = visit.visit_id
where not judged.is_kept
