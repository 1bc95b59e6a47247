-- one row per site and day: the returns expected seven days before, and those that came
with actual as (
    select site_id, biz_date, count(*) as returns
    from hub.visit
    where visit_type in ('return', 'repurchase', 'recheck')
    group by site_id, biz_date
),

booked as (
    select site_id, biz_date, count(*) as booked
    from hub.appointment
    where type in ('treatment', 'recheck')
        and booked_on <= biz_date - interval '7 days'
        and coalesce(local_date(cancelled_at, site_id) > biz_date - interval '7 days', true)
    group by site_id, biz_date
),

due as (
    select site_id, biz_date, count(*) as due from hub.recall_due group by site_id, biz_date
),

-- every day since the first visit: a day without returns was expected to have some, too
spine as (
    select site_id, since,
        since + unnest(range(0, cast(through.data_through - since as bigint) + 8)) as biz_date
    from (select site_id, min(biz_date) as since from hub.visit group by site_id)
    cross join hub.data_through as through
),

day as (
    select spine.*, date_part('dow', spine.biz_date) as weekday,
        -- of eight weeks, those the site has had
        least(8, (spine.biz_date - spine.since) / 7) as weeks_known,
        coalesce(actual.returns, 0) as returns, coalesce(booked.booked, 0) as booked,
        coalesce(due.due, 0) as due
    from spine
    left join actual on spine.site_id = actual.site_id and spine.biz_date = actual.biz_date
    left join booked on spine.site_id = booked.site_id and spine.biz_date = booked.biz_date
    left join due on spine.site_id = due.site_id and spine.biz_date = due.biz_date
),

-- eight weeks that were over when the forecast was made
known as (
    select day.*,
        sum(returns) over weeks as returns_before, sum(booked) over weeks as booked_before,
        sum(returns) over weekdays as weekday_before
    from day
    window
        weeks as (partition by site_id order by biz_date
            range between interval '62 days' preceding and interval '7 days' preceding),
        weekdays as (partition by site_id, weekday order by biz_date
            range between interval '56 days' preceding and interval '7 days' preceding)
),

expected as (
    select *,
        cast(weekday_before as decimal(12, 4)) / weeks_known as by_weekday,
        cast(booked * returns_before as decimal(12, 4)) / nullif(booked_before, 0) as by_bookings
    from known
    where weeks_known > 0
)

select
    expected.site_id,
    expected.biz_date,
    month_of(expected.biz_date) as month,
    site.brand_id,
    site.city,
    site.business_line,
    expected.booked, expected.due,
    cast(by_bookings as decimal(12, 4)) as by_bookings,
    cast(by_weekday as decimal(12, 4)) as by_weekday,
    cast((coalesce(by_bookings, by_weekday) + by_weekday) / 2 as decimal(12, 4)) as forecast,
    case when expected.biz_date <= through.data_through then returns end as actual,
    case when expected.biz_date <= through.data_through then cast(abs(
        returns - (coalesce(by_bookings, by_weekday) + by_weekday) / 2
    ) as decimal(12, 4)) end as error
from expected
cross join hub.data_through as through
inner join hub.org_unit as site on expected.site_id = site.org_unit_id
