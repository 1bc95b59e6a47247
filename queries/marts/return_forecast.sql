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
        and (cancelled_at is null or local_date(cancelled_at) > biz_date - interval '7 days')
    group by site_id, biz_date
),

due as (
    select site_id, biz_date, count(*) as due from hub.recall_due group by site_id, biz_date
),

spine as (
    select site_id, biz_date from actual
    union
    select site_id, biz_date from booked
    union
    select site_id, biz_date from due
),

day as (
    select spine.site_id, spine.biz_date, date_part('dow', spine.biz_date) as weekday,
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
        cast(coalesce(weekday_before, 0) as decimal(12, 4)) / 8 as by_weekday,
        cast(booked * returns_before as decimal(12, 4)) / nullif(booked_before, 0) as by_bookings
    from known
    where returns_before is not null
)

select
    expected.site_id,
    expected.biz_date,
    month_of(expected.biz_date) as month,
    site.brand_id,
    site.city,
    site.business_line,
    expected.booked,
    expected.due,
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
where expected.biz_date <= through.data_through + interval '7 days'
