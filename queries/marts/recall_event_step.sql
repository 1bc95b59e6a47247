-- one row per recall and event of it; its window opens thirty days before the due day
with recall as (
    select
        *,
        arrow_cast(
            cast(biz_date - interval '30 days' as date), 'Timestamp(Microsecond, Some("UTC"))'
        ) as opens_at,
        arrow_cast(
            cast(biz_date + interval '61 days' as date), 'Timestamp(Microsecond, Some("UTC"))'
        ) as closes_at
    from hub.recall_due
    where status <> 'upcoming'
),

event as (
    select recall_id, 'due' as step, opens_at as at from recall
    union
    select recall.recall_id, 'contacted', task.done_at
    from recall
    inner join hub.followup_task as task on recall.person_id = task.person_id
    where task.done_at >= recall.opens_at and task.done_at < recall.closes_at
    union
    select recall.recall_id, 'booked', booking.booked_at
    from recall
    inner join hub.appointment as booking
        on recall.person_id = booking.person_id and recall.business_line = booking.business_line
    where booking.booked_at >= recall.opens_at and booking.booked_at < recall.closes_at
    union
    select recall.recall_id, 'arrived', visit.arrived_at
    from recall
    inner join hub.visit as visit
        on recall.person_id = visit.person_id and recall.business_line = visit.business_line
    where visit.arrived_at >= recall.opens_at and visit.arrived_at < recall.closes_at
    union
    select recall.recall_id, 'paid', payment.paid_at
    from recall
    inner join hub.payment as payment
        on recall.person_id = payment.person_id and recall.business_line = payment.business_line
    where payment.is_cash and payment.paid_at >= recall.opens_at
        and payment.paid_at < recall.closes_at
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
