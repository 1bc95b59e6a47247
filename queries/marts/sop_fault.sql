-- one row per visit and rule of its procedure that was not kept
with step as (
    select visit_id, step, min(at) as first_at, max(at) as last_at
    from hub.sop_event
    where visit_id is not null
    group by visit_id, step
),

visit as (
    select *, case visit_type when 'first' then 'first_visit' else 'return_visit' end as sop
    from hub.visit
),

judged as (
    select
        visit.*,
        rule.rule_id,
        rule.step,
        rule.kind,
        rule.other_step,
        own.first_at as at,
        case rule.kind
            when 'required' then own.visit_id is null
            when 'after' then own.first_at < coalesce(other.first_at, own.first_at + interval '1 day')
            else other.visit_id is not null and coalesce(own.last_at < other.last_at, true)
        end as is_broken
    from visit
    inner join hub.sop_rule as rule on visit.sop = rule.sop
    left join step as own on visit.visit_id = own.visit_id and rule.step = own.step
    left join step as other on visit.visit_id = other.visit_id and rule.other_step = other.step
)

select
    visit_id,
    rule_id,
    person_id,
    site_id,
    biz_date,
    month,
    brand_id,
    city,
    business_line,
    doctor_id,
    consultant_id,
    sop,
    step,
    kind,
    other_step,
    at
from judged
where is_broken
