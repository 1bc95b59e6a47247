-- one row per recall and event of it; its window opens thirty days before the due day
with recall as (
    select
        *,
        cast(biz_date - interval '30 days' as date) as opens_on,
        cast(biz_date + interval '60 days' as date) as closes_on
    from hub.recall_due
    where status <> 'upcoming'
),

quarter as (
    select distinct
        recall.site_id,
        recall.opens_on,
        arrow_cast(recall.opens_on, 'Timestamp(Microsecond, Some("UTC"))')
            + cast(15 * quarters.nth || ' minutes' as interval) as at
    from recall
    cross join (select unnest(range(-56, 97)) as nth) as quarters
),

-- the instant at which the day begins at the site; no zone is off by less than quarters of an hour
opening as (
    select site_id, opens_on, min(at) as at
    from quarter
    where local_date(at, site_id) = opens_on
    group by site_id, opens_on
),

event as (
    select recall.recall_id, 'due' as step, opening.at
    from recall
    inner join opening
        on recall.site_id = opening.site_id and recall.opens_on = opening.opens_on
    union
    select recall.recall_id, 'contacted', task.done_at
    from recall
    inner join hub.followup_task as task on recall.person_id = task.person_id
    where local_date(task.done_at, recall.site_id) between recall.opens_on and recall.closes_on
    union
    select recall.recall_id, 'booked', booking.booked_at
    from recall
    inner join hub.appointment as booking
        on recall.person_id = booking.person_id and recall.business_line = booking.business_line
    where local_date(booking.booked_at, recall.site_id) between recall.opens_on and recall.closes_on
    union
    select recall.recall_id, 'arrived', visit.arrived_at
    from recall
    inner join hub.visit as visit
        on recall.person_id = visit.person_id and recall.business_line = visit.business_line
    where local_date(visit.arrived_at, recall.site_id) between recall.opens_on and recall.closes_on
    union
    select recall.recall_id, 'paid', payment.paid_at
    from recall
    inner join hub.payment as payment
        on recall.person_id = payment.person_id and recall.business_line = payment.business_line
    where payment.is_cash
        and local_date(payment.paid_at, recall.site_id) between recall.opens_on and recall.closes_on
)

select
    recall.recall_id,
    recall.person_id,
    recall.site_id,
    recall.brand_id,
    recall.city,
    recall.business_line,
    recall.doctor_id,
    recall.category,
    recall.kind,
    recall.biz_date as due_on,
    recall.month,
    event.step,
    event.at
from event
inner join recall on event.recall_id = recall.recall_id
