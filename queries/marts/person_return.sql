-- one row per person, site and month with a visit since the person's first paid visit
with visit as (
    select * from hub.visit where person_id is not null
),

entry as (
    select
        person_id,
        min(arrived_at) as entered_at,
        first_value(biz_date order by arrived_at, visit_id) as entered_on,
        first_value(business_line order by arrived_at, visit_id) as entry_line,
        first_value(channel_id order by arrived_at, visit_id) as entry_channel_id,
        first_value(site_id order by arrived_at, visit_id) as entry_site_id
    from visit
    where is_paying
    group by person_id
)

select
    visit.person_id,
    visit.site_id,
    visit.month,
    min(visit.brand_id) as brand_id,
    entry.entered_on,
    month_of(entry.entered_on) as cohort_month,
    entry.entry_line,
    entry.entry_channel_id,
    entry.entry_site_id,
    cast(
        (cast(substr(visit.month, 1, 4) as int) - date_part('year', entry.entered_on)) * 12
        + cast(substr(visit.month, 6, 2) as int) - date_part('month', entry.entered_on)
        as bigint
    ) as months_after,
    count(*) as visits,
    count(*) filter (where visit.is_paying) as paying_visits
from visit
inner join entry on visit.person_id = entry.person_id
where visit.arrived_at >= entry.entered_at
group by visit.person_id, visit.site_id, visit.month, entry.entered_on, entry.entry_line,
    entry.entry_channel_id, entry.entry_site_id
