-- churned in a month over customers neither dormant nor churned at the end of the month before,
-- judged day by day, by site and month
with gap as (
    select
        person_id, business_line, biz_date,
        last_value(site_id order by arrived_at, site_id) as site,
        lead(biz_date) over line as next_on,
        bool_or(bool_or(is_paying or paid.visit_id is not null)) over line as is_customer
    from hub.visit as visit
    left join (
        select distinct visit_id from hub.charge_line where is_billed and billed_fen > 0
    ) as paid on visit.visit_id = paid.visit_id
    where person_id is not null
    group by person_id, business_line, biz_date
    window line as (partition by person_id, business_line order by biz_date)
),

-- every single day of every gap
digit as (
    select * from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as digit (n)
),

calendar as (
    select data_through - (a.n + 10 * b.n + 100 * c.n + 1000 * e.n) as d
    from hub.data_through
    cross join digit as a cross join digit as b cross join digit as c cross join digit as e
),

away as (
    select gap.*, calendar.d
    from gap
    inner join calendar on calendar.d > gap.biz_date and calendar.d < coalesce(next_on, d + 1)
    where is_customer
),

-- days too late for the threshold of the day, without those on which a booking was open
late as (
    select away.*, away.d > away.biz_date + rule.churned_days as is_churned
    from away
    inner join hub.lifecycle_rule as rule
        on away.business_line = rule.business_line and away.d >= rule.effective_from
        and away.d <= coalesce(rule.effective_to, away.d)
    left anti join hub.appointment as booking
        on away.person_id = booking.person_id and away.business_line = booking.business_line
        and booking.status not in ('proposed', 'pending')
        and away.d >= booking.booked_on and away.d <= booking.biz_date
        and away.d < coalesce(local_date(booking.cancelled_at, booking.site_id), away.d + 1)
    where away.d > away.biz_date + rule.dormant_days
),

lapsed as (
    select
        person_id, business_line, biz_date, site, min(d) as dormant_on,
        min(case when is_churned then d end) as churned_on
    from late
    group by person_id, business_line, biz_date, site
),

part as (
    select site, month_of(churned_on) as month, 1 as churned, 0 as active
    from lapsed
    where churned_on is not null
    union all
    select gap.site, month_of(d + 1), 0, 1
    from gap
    inner join calendar on d >= gap.biz_date and d < coalesce(next_on, d + 1)
    left join lapsed
        on gap.person_id = lapsed.person_id and gap.business_line = lapsed.business_line
        and gap.biz_date = lapsed.biz_date
    where gap.is_customer and d < coalesce(lapsed.dormant_on, d + 1)
        and month_of(d) <> month_of(d + 1)
)

select
    site, month, sum(churned) as numerator, sum(active) as denominator,
    cast(sum(churned) as double) / sum(active) as value
from part
group by site, month
having sum(active) > 0
