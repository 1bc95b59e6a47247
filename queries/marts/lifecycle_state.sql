-- one row per person and business line: the state on the data's last day
with through as (
    select data_through from hub.data_through
),

seen as (
    select
        person_id,
        business_line,
        max(case when has_visit then biz_date end) as last_visit_on,
        sum(case when has_visit then 1 else 0 end) as visit_days,
        sum(case when has_paid_visit then 1 else 0 end) as paid_days
    from hub.lifecycle_day
    group by person_id, business_line
),

booked as (
    select
        person_id,
        coalesce(business_line, 'other') as business_line,
        min(biz_date) as next_booking_on
    from hub.appointment
    cross join through
    where status = 'booked' and biz_date >= through.data_through
    group by person_id, coalesce(business_line, 'other')
),

-- treatment agreed and not finished: accepted plan lines, courses begun
planned as (
    select plan.person_id, coalesce(plan.business_line, 'other') as business_line
    from hub.treatment_plan as plan
    inner join hub.treatment_plan_item as line on plan.plan_id = line.plan_id
    where plan.status in ('accepted', 'partly') and line.accepted_at is not null
        and not line.is_done
    union
    select person_id, coalesce(business_line, 'other')
    from hub.entitlement
    cross join through
    where status = 'in_course' and times_left > 0
        and coalesce(expires_on >= through.data_through, true)
),

joined as (
    select
        event.*,
        seen.last_visit_on,
        seen.visit_days,
        seen.paid_days,
        booked.next_booking_on,
        planned.person_id is not null and seen.last_visit_on is not null as has_open_plan,
        booked.next_booking_on is not null
            or coalesce(through.data_through - rule.interrupted_days <= seen.last_visit_on, false)
            as is_on_track
    from hub.lifecycle_event as event
    cross join through
    inner join seen
        on event.person_id = seen.person_id and event.business_line = seen.business_line
    left join booked
        on event.person_id = booked.person_id and event.business_line = booked.business_line
    left join planned
        on event.person_id = planned.person_id and event.business_line = planned.business_line
    left join hub.lifecycle_rule as rule
        on event.business_line = rule.business_line
        and through.data_through >= rule.effective_from
        and through.data_through <= coalesce(rule.effective_to, through.data_through)
    where event.until_on is null
)

select
    person_id, business_line, site_id, brand_id, city, channel_id, to_state as state,
    biz_date as since_on, last_visit_on, visit_days, paid_days, next_booking_on,
    has_open_plan and is_on_track as is_in_treatment,
    has_open_plan and not is_on_track as is_interrupted
from joined
