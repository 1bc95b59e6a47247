-- one row per visit day of a customer after which the person lapsed, and since when
with booking as (
    select
        person_id,
        coalesce(business_line, 'other') as business_line,
        booked_on,
        -- a cancelled booking holds the person until the day before
        least(biz_date, coalesce(local_date(cancelled_at, site_id) - 1, biz_date)) as held_to
    from hub.appointment
    where person_id is not null and status not in ('proposed', 'pending')
),

visit_day as (
    select
        person_id,
        business_line,
        biz_date as last_on,
        lead(biz_date) over (partition by person_id, business_line order by biz_date) as next_on,
        bool_or(has_paid_visit) over (partition by person_id, business_line order by biz_date)
            as is_customer
    from hub.lifecycle_day
    where has_visit
),

threshold as (
    select rule_id, business_line, 'dormant' as state, dormant_days as days, effective_from,
        effective_to
    from hub.lifecycle_rule
    union all
    select rule_id, business_line, 'churned', churned_days, effective_from, effective_to
    from hub.lifecycle_rule
),

-- days on which the gap after a visit is too long by the rule then in force
late as (
    select
        day.person_id, day.business_line, day.last_on, threshold.state, threshold.rule_id,
        greatest(day.last_on + threshold.days + 1, threshold.effective_from) as from_on,
        least(coalesce(day.next_on - 1, through.data_through), threshold.effective_to) as to_on
    from visit_day as day
    inner join threshold on day.business_line = threshold.business_line
    cross join hub.data_through as through
    where day.is_customer
),

-- the first such day is the gap's own, or the day after a booking
candidate as (
    select *, from_on as biz_date from late where from_on <= to_on
    union all
    select late.*, booking.held_to + 1 as biz_date
    from late
    inner join booking
        on late.person_id = booking.person_id and late.business_line = booking.business_line
        and booking.held_to + 1 between late.from_on and late.to_on
),

free as (
    select candidate.*
    from candidate
    left anti join booking
        on candidate.person_id = booking.person_id
        and candidate.business_line = booking.business_line
        and candidate.biz_date between booking.booked_on and booking.held_to
)

select
    person_id,
    business_line,
    last_on,
    min(biz_date) filter (where state = 'dormant') as dormant_on,
    min(biz_date) filter (where state = 'churned') as churned_on,
    first_value(rule_id order by biz_date) filter (where state = 'dormant') as dormant_rule_id,
    first_value(rule_id order by biz_date) filter (where state = 'churned') as churned_rule_id
from free
group by person_id, business_line, last_on
