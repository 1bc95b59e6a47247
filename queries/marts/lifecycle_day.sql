-- one row per person, business line and day on which something was known or happened
with paid_line as (
    select distinct visit_id from hub.charge_line where is_billed and billed_fen > 0
),

event as (
    select
        person_id, business_line, biz_date, site_id, channel_id, arrived_at as at, 1 as is_visit,
        case when is_paying or paid_line.visit_id is not null then 1 else 0 end as is_paid
    from hub.visit as visit
    left join paid_line on visit.visit_id = paid_line.visit_id
    union all
    select person_id, business_line, biz_date, site_id, channel_id, created_at, 0, 0
    from hub.lead
    union all
    select person_id, business_line, booked_on, site_id, channel_id, booked_at, 0, 0
    from hub.appointment
),

placed as (
    select person_id, coalesce(business_line, 'other') as business_line, biz_date, site_id,
        channel_id, at, is_visit, is_paid
    from event
    where person_id is not null
),

-- known to a source before any line was asked for
record as (
    select
        person.person_id, 'other' as business_line,
        local_date(person.created_at, person.home_site_id) as biz_date,
        person.home_site_id as site_id, person.first_channel_id as channel_id,
        person.created_at as at, 0 as is_visit, 0 as is_paid
    from hub.person as person
    left join (
        select person_id, min(biz_date) as biz_date from placed group by person_id
    ) as first_day on person.person_id = first_day.person_id
    where first_day.biz_date is null
        or first_day.biz_date > local_date(person.created_at, person.home_site_id)
),

known as (
    select * from placed
    union all
    select * from record
),

day as (
    select
        person_id,
        business_line,
        biz_date,
        max(is_visit) = 1 as has_visit,
        max(is_paid) = 1 as has_paid_visit,
        -- the site that saw the person last, not the one that only booked
        last_value(site_id order by is_visit, at, site_id) as site_id,
        last_value(channel_id order by is_visit, at, channel_id) as channel_id
    from known
    group by person_id, business_line, biz_date
)

select
    day.*,
    site.brand_id,
    site.city
from day
left join hub.org_unit as site on day.site_id = site.org_unit_id
cross join hub.data_through as through
where day.biz_date <= through.data_through
