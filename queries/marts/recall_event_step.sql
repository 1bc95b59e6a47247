-- one row per recall and event of it; its window opens thirty days before the due day
with recall as (
    select
        *,
        cast(biz_date - interval '30 days' as date) as opens_on,
        cast(biz_date + interval '60 days' as date) as closes_on
    from hub.recall_due
    where status <> 'upcoming'
),

event as (
    select recall_id, 'due' as step, day_start(opens_on, site_id) as at from recall
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
