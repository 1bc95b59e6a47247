-- Forecast of returns by site and month: every day against the rows of its eight weeks.
with came as (
    select site_id, biz_date from hub.visit
    where visit_type in ('return', 'repurchase', 'recheck')
),

stood as (
    select site_id, biz_date from hub.appointment
    where type in ('treatment', 'recheck')
        and cast(biz_date as int) - cast(booked_on as int) >= 7
        and coalesce(cast(biz_date as int) - cast(local_date(cancelled_at) as int) < 7, true)
),

digit as (
    select column1 as n from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))
),

began as (
    select site_id, min(biz_date) as first_day from hub.visit group by site_id
),

-- every day from the eighth on
day as (
    select began.site_id, began.first_day + nth as biz_date, least(nth / 7, 8) as weeks
    from began, hub.data_through as through, (
        select a.n + 10 * b.n + 100 * c.n + 1000 * d.n as nth
        from digit as a, digit as b, digit as c, digit as d
    )
    where nth >= 7 and began.first_day + nth <= through.data_through
),

distance as (
    select day.site_id, day.biz_date, day.weeks, 'came' as what,
        cast(day.biz_date as int) - cast(came.biz_date as int) as ago
    from day left join came on day.site_id = came.site_id
    union all
    select day.site_id, day.biz_date, day.weeks, 'stood',
        cast(day.biz_date as int) - cast(stood.biz_date as int)
    from day inner join stood on day.site_id = stood.site_id
),

counted as (
    select site_id, biz_date, weeks,
        count(*) filter (where what = 'came' and ago = 0) as came_now,
        count(*) filter (where what = 'stood' and ago = 0) as stood_now,
        count(*) filter (where what = 'came' and ago between 7 and 62) as came_before,
        count(*) filter (where what = 'stood' and ago between 7 and 62) as stood_before,
        count(*) filter (where what = 'came' and ago between 7 and 56 and ago % 7 = 0) as same_day
    from distance
    group by site_id, biz_date, weeks
),

judged as (
    select site_id, biz_date, came_now,
        (
            coalesce(
                cast(stood_now * came_before as decimal(12, 4)) / nullif(stood_before, 0),
                cast(same_day as decimal(12, 4)) / weeks
            )
            + cast(same_day as decimal(12, 4)) / weeks
        ) / 2 as forecast
    from counted
)

select site_id as site, substr(cast(biz_date as text), 1, 7) as month,
    sum(off) as numerator, sum(expected) as denominator,
    cast(sum(off) as decimal(38, 12)) / nullif(sum(expected), 0) as value
from (
    -- four decimals, as the forecast is kept
    select *, cast(forecast as decimal(12, 4)) as expected,
        cast(abs(came_now - forecast) as decimal(12, 4)) as off
    from judged
)
group by site_id, substr(cast(biz_date as text), 1, 7)
