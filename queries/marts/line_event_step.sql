-- one row per person, line they first paid in, line not paid in before, and event on the way to it
with entry as (
    select * from hub.line_entry
),

line as (
    select distinct business_line from entry
),

way as (
    select
        entry.*,
        line.business_line as to_line,
        entry.person_id || ':' || entry.business_line || ':' || line.business_line as way_id
    from entry
    inner join line on entry.business_line <> line.business_line
    -- nobody is on the way to a line they came from
    left anti join entry as known
        on entry.person_id = known.person_id and line.business_line = known.business_line
        and known.entered_at <= entry.entered_at
),

event as (
    select way_id, 'first_paid' as step, entered_at as at from way
    union
    select way.way_id, 'contacted', task.done_at
    from way
    inner join hub.followup_task as task
        on way.person_id = task.person_id and way.to_line = task.business_line
    where task.done_at > way.entered_at
    union
    select way.way_id, 'contacted', lead.created_at
    from way
    inner join hub.lead as lead
        on way.person_id = lead.person_id and way.to_line = lead.business_line
    where lead.created_at > way.entered_at
    union
    select way.way_id, 'arrived', visit.arrived_at
    from way
    inner join hub.visit as visit
        on way.person_id = visit.person_id and way.to_line = visit.business_line
    where visit.arrived_at > way.entered_at
    union
    select way.way_id, 'paid', other.entered_at
    from way
    inner join entry as other
        on way.person_id = other.person_id and way.to_line = other.business_line
    where other.entered_at > way.entered_at
)

select
    way.way_id,
    way.person_id,
    way.site_id,
    way.brand_id,
    way.city,
    way.business_line,
    way.to_line,
    way.channel_id,
    way.entered_on as entry_on,
    way.month,
    event.step,
    event.at
from event
inner join way on event.way_id = way.way_id
