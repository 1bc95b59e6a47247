-- Recalls whose window is over: kept over all, by site and month of the due day, act by act.
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

-- an act is for the nearest of the ages due from the first visit on, of two the earlier
meant as (
    select age.person_id, age.category,
        min(abs(age.due_on - act.day) * 1000000 + cast(age.due_on as int)) % 1000000 as due_day
    from age, act
    where age.person_id = act.person_id and age.category = act.category and age.due_on >= since
        and act.day >= since and cast(act.day as int) - cast(age.due_on as int) between -30 and 60
    group by age.person_id, age.category, act.day
),

due as (
    select act.person_id, act.site_id, act.category, act.item_id, act.day as since, act.days,
        cast(act.day + cast(concat(act.days, ' days') as interval) as date) as due_on
    from act
    where act.days > 0 and act.item_type in ('service', 'drug') and not exists (
        select 1 from act as sooner
        where sooner.person_id = act.person_id and sooner.item_id = act.item_id
            and sooner.day > act.day and sooner.day - act.day < act.days - 30
    )
    union all
    select person_id, site_id, category, null, since, null, due_on from age where due_on >= since
),

judged as (
    select due.site_id, due.due_on, count(act.day) + count(meant.due_day) > 0 as is_kept
    from due
    left join act on due.person_id = act.person_id and due.category = act.category
        and act.day > due.since and act.day - due.since between due.days - 30 and due.days + 60
    left join meant on due.days is null and due.person_id = meant.person_id
        and due.category = meant.category and cast(due.due_on as int) = meant.due_day
    group by due.person_id, due.site_id, due.category, due.item_id, due.days, due.since, due.due_on
)

select site_id as site, substr(cast(due_on as text), 1, 7) as month,
    count(*) filter (where is_kept) as numerator, count(*) as denominator,
    cast(count(*) filter (where is_kept) as decimal(38, 12)) / count(*) as value
from judged, hub.data_through as through
where data_through - due_on > 60
group by site_id, substr(cast(due_on as text), 1, 7)
