-- Recalls by site and month of the due day: kept ÷ kept or missed, act by act.
with act as (
    select distinct procedure.person_id, procedure.site_id, procedure.biz_date, item.item_id,
        item.category, item.item_type, item.recall_interval_days as days
    from hub.procedure as procedure, hub.item as item
    where procedure.item_id = item.item_id and procedure.status = 'done'
        and procedure.person_id is not null
),

child as (
    select visit.person_id, min(visit.biz_date) as since,
        min(concat(cast(visit.biz_date as text), visit.visit_id, '/', visit.site_id)) as first_visit
    from hub.visit as visit
    where visit.business_line = 'pediatrics'
    group by visit.person_id
),

age as (
    select child.person_id, split_part(child.first_visit, '/', 2) as site_id, rule.category,
        child.since, person.birth_date + cast(concat(rule.age_months, ' months') as interval) as due_on
    from child, hub.person as person, hub.recall_rule as rule
    where child.person_id = person.person_id and rule.kind = 'age'
),

due as (
    select person_id, site_id, category, item_id, biz_date as since,
        cast(biz_date + cast(concat(days, ' days') as interval) as date) as due_on
    from act
    where days > 0 and item_type in ('service', 'drug')
    union all
    select person_id, site_id, category, null, since, cast(due_on as date) from age
    where due_on >= since
),

judged as (
    select due.person_id, due.site_id, due.category, due.item_id, due.due_on,
        bool_or(coalesce(act.biz_date > due.since, false)) as is_kept
    from due
    left join act on act.person_id = due.person_id and act.category = due.category
        and abs(cast(act.biz_date as int) - cast(due.due_on as int) - 15) <= 45
    group by due.person_id, due.site_id, due.category, due.item_id, due.due_on, due.since
)

select judged.site_id as site, substr(cast(judged.due_on as text), 1, 7) as month,
    count(*) filter (where is_kept) as numerator, count(*) as denominator,
    cast(count(*) filter (where is_kept) as decimal(38, 12)) / count(*) as value
from judged, hub.data_through as through
where is_kept or judged.due_on + interval '60 days' < through.data_through
group by judged.site_id, substr(cast(judged.due_on as text), 1, 7)
