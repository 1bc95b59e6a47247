-- one row per person, rule and day a service falls due, unless it was done again before its window
with act as (
    select
        act.person_id, act.item_id, item.category, act.biz_date, act.site_id, act.brand_id,
        act.city, act.business_line, visit.doctor_id,
        min(act.biz_date) over (
            partition by act.person_id, act.item_id order by act.biz_date
            range between interval '1 day' following and unbounded following
        ) as again_on
    from hub.procedure as act
    inner join hub.item as item on act.item_id = item.item_id
    left join hub.visit as visit on act.visit_id = visit.visit_id
    where act.status = 'done' and act.person_id is not null
    -- the same item twice a day, at two sites or by two doctors, is the first of them
    qualify row_number() over (
        partition by act.person_id, act.item_id, act.biz_date
        order by act.started_at, act.procedure_id
    ) = 1
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
    where coalesce(act.again_on - act.biz_date >= rule.days - 30, true)
    union all
    select
        child.person_id, rule.rule_id, rule.kind, null, rule.category, rule.business_line,
        child.site_id, child.brand_id, child.city, null, child.since,
        cast(child.birth_date + cast(rule.age_months || ' months' as interval) as date)
    from child
    inner join hub.recall_rule as rule on rule.kind = 'age'
    where child.birth_date + cast(rule.age_months || ' months' as interval) >= child.since
),

-- thirty days before to sixty after is in time; of the ages a visit could be for, it is the nearest
came as (
    select due.person_id, due.rule_id, due.due_on, act.biz_date
    from due
    inner join (select distinct person_id, category, biz_date from act) as act
        on due.person_id = act.person_id and due.category = act.category
        and (act.biz_date > due.since or (due.kind = 'age' and act.biz_date = due.since))
        and act.biz_date between due.due_on - interval '30 days' and due.due_on + interval '60 days'
    qualify due.kind = 'interval' or row_number() over (
        partition by due.person_id, due.kind, due.category, act.biz_date
        order by abs(act.biz_date - due.due_on), due.due_on
    ) = 1
)

select
    due.person_id || ':' || due.rule_id || ':' || cast(due.due_on as text) as recall_id,
    due.* except (due_on), due.due_on as biz_date, month_of(due.due_on) as month, kept.kept_on,
    case
        when kept.kept_on is not null then 'kept'
        when through.data_through < due.due_on - interval '30 days' then 'upcoming'
        when through.data_through <= due.due_on then 'due'
        when through.data_through <= due.due_on + interval '60 days' then 'overdue'
        else 'missed'
    end as status,
    through.data_through > due.due_on + interval '60 days' as is_mature
from due
cross join hub.data_through as through
left join (select person_id, rule_id, due_on, min(biz_date) as kept_on from came group by 1, 2, 3)
    as kept on due.person_id = kept.person_id and due.rule_id = kept.rule_id
    and due.due_on = kept.due_on
