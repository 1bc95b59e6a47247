-- Recalls whose window is over, by site and month of the due day, act by act.
with told as (
    select person_id, item_id, biz_date as day,
        min(concat(started_at, procedure_id, '/', site_id)) as first_of_day
    from hub.procedure
    where status = 'done' and person_id is not null
    group by person_id, item_id, biz_date
),

act as (
    select told.person_id, split_part(first_of_day, '/', 2) as site_id, told.day, item.item_id,
        item.category, item.item_type, item.recall_interval_days as days
    from told, hub.item as item
    where told.item_id = item.item_id
),

child as (
    select visit.person_id, min(visit.biz_date) as since,
        min(concat(cast(visit.biz_date as text), visit.visit_id, '/', visit.site_id)) as first_visit
    from hub.visit as visit
    where visit.business_line = 'pediatrics'
    group by visit.person_id
),

age as (
    select child.person_id, split_part(child.first_visit, '/', 2) as site_id, rule.category, since,
        cast(birth_date + cast(concat(rule.age_months, ' months') as interval) as date) as due_on
    from child, hub.person as person, hub.recall_rule as rule
    where child.person_id = person.person_id and rule.kind = 'age'
),

due as (
    select act.person_id, act.site_id, act.category, act.day as since, act.days,
        cast(act.day + cast(concat(act.days, ' days') as interval) as date) as due_on
    from act
    where act.days > 0 and act.item_type in ('service', 'drug') and not exists (
        select 1 from act as sooner
        where sooner.person_id = act.person_id and sooner.item_id = act.item_id
            and sooner.day > act.day and sooner.day - act.day < act.days - 30
    )
    union all
    select person_id, site_id, category, since, null, due_on from age where due_on >= since
)

select site_id as site, substr(cast(due_on as text), 1, 7) as month,
    count(*) as numerator, 1 as denominator, count(*) as value
from due, hub.data_through as through
where data_through - due_on > 60
group by site_id, substr(cast(due_on as text), 1, 7)
