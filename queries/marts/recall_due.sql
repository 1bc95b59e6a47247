-- one row per person, rule and day a service falls due
with act as (
    select
        act.person_id, act.item_id, item.category, act.biz_date, act.site_id, act.brand_id,
        act.city, act.business_line, min(visit.doctor_id) as doctor_id
    from hub.procedure as act
    inner join hub.item as item on act.item_id = item.item_id
    left join hub.visit as visit on act.visit_id = visit.visit_id
    where act.status = 'done' and act.person_id is not null
    group by act.person_id, act.item_id, item.category, act.biz_date, act.site_id, act.brand_id,
        act.city, act.business_line
),

child as (
    select
        visit.person_id, person.birth_date, min(visit.biz_date) as since,
        first_value(site_id order by visit.biz_date, visit_id) as site_id,
        first_value(brand_id order by visit.biz_date, visit_id) as brand_id,
        first_value(city order by visit.biz_date, visit_id) as city
    from hub.visit as visit
    inner join hub.person as person on visit.person_id = person.person_id
    where visit.business_line = 'pediatrics' and person.birth_date is not null
    group by visit.person_id, person.birth_date
),

due as (
    select
        act.person_id, rule.rule_id, rule.kind, rule.item_id, rule.category, rule.business_line,
        act.site_id, act.brand_id, act.city, act.doctor_id, act.biz_date as since,
        cast(act.biz_date + cast(rule.days || ' days' as interval) as date) as due_on
    from act
    inner join hub.recall_rule as rule on act.item_id = rule.item_id
    union all
    select
        child.person_id, rule.rule_id, rule.kind, null, rule.category, rule.business_line,
        child.site_id, child.brand_id, child.city, null, child.since,
        cast(child.birth_date + cast(rule.age_months || ' months' as interval) as date)
    from child
    inner join hub.recall_rule as rule on rule.kind = 'age'
    where child.birth_date + cast(rule.age_months || ' months' as interval) >= child.since
)

select
    due.person_id || ':' || due.rule_id || ':' || cast(due.due_on as text) as recall_id,
    due.person_id, due.rule_id, due.kind, due.item_id, due.category, due.business_line,
    due.site_id, due.brand_id, due.city, due.doctor_id, due.due_on as biz_date,
    month_of(due.due_on) as month, min(due.since) as since,
    -- the thirty days before and the sixty after are in time
    min(act.biz_date) as kept_on,
    case
        when min(act.biz_date) is not null then 'kept'
        when through.data_through < due.due_on - interval '30 days' then 'upcoming'
        when through.data_through <= due.due_on then 'due'
        when through.data_through <= due.due_on + interval '60 days' then 'overdue'
        else 'missed'
    end as status
from due
cross join hub.data_through as through
left join act
    on due.person_id = act.person_id and due.category = act.category
    and act.biz_date > due.since and act.biz_date >= due.due_on - interval '30 days'
    and act.biz_date <= due.due_on + interval '60 days'
group by due.person_id, due.rule_id, due.kind, due.item_id, due.category, due.business_line,
    due.site_id, due.brand_id, due.city, due.doctor_id, due.due_on, through.data_through
