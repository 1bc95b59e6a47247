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

day as (
    select site_id, biz_date from came
    union
    select site_id, biz_date from stood
    union
    select site_id, biz_date from hub.recall_due
),

distance as (
    select day.site_id, day.biz_date, 'came' as what,
        cast(day.biz_date as int) - cast(came.biz_date as int) as ago
    from day inner join came on day.site_id = came.site_id
    union all
    select day.site_id, day.biz_date, 'stood',
        cast(day.biz_date as int) - cast(stood.biz_date as int)
    from day inner join stood on day.site_id = stood.site_id
),

counted as (
    select site_id, biz_date,
        count(*) filter (where what = 'came' and ago = 0) as came_now,
        count(*) filter (where what = 'stood' and ago = 0) as stood_now,
        count(*) filter (where what = 'came' and ago between 7 and 62) as came_before,
        count(*) filter (where what = 'stood' and ago between 7 and 62) as stood_before,
        count(*) filter (where what = 'came' and ago between 7 and 56 and ago % 7 = 0) as same_day
    from distance
    group by site_id, biz_date
),

judged as (
    select site_id, biz_date, came_now,
        (
            coalesce(
                cast(stood_now * came_before as decimal(12, 4)) / nullif(stood_before, 0),
                cast(same_day as decimal(12, 4)) / 8
            )
            + cast(same_day as decimal(12, 4)) / 8
        ) / 2 as forecast
    from counted, hub.data_through as through
    where biz_date <= through.data_through
        and biz_date - interval '7 days' >= (
            select min(day.biz_date) from day where day.site_id = counted.site_id
        )
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
