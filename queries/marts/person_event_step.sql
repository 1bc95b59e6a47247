-- one row per event between hearing of the clinic and speaking of it
with touch as (
    select
        coalesce(person_id, 'anon:' || anon_id) as visitor_id, person_id, touch_id, channel_id,
        kind, is_marketing, at, biz_date,
        row_number() over (
            partition by coalesce(person_id, 'anon:' || anon_id), is_marketing
            order by at, touch_id
        ) as nth
    from hub.person_touch
    where person_id is not null or anon_id is not null
),

visit as (
    select
        *,
        -- told apart by number: ids of visits are for those who see their site
        row_number() over (partition by person_id order by arrived_at, visit_id) as nth
    from hub.visit
    where person_id is not null
),

event as (
    select touch_id as event_id, visitor_id, person_id,
        case nth when 1 then 'touched' else 'engaged' end as step, channel_id, at, biz_date
    from touch
    where is_marketing and nth <= 2
    union all
    select touch_id, visitor_id, person_id, 'shared', channel_id, at, biz_date
    from touch
    where kind in ('review', 'share')
    union all
    select person_id || ':visit:' || cast(nth as text), person_id as visitor_id, person_id,
        'arrived', channel_id, arrived_at, biz_date
    from visit
)

select
    event.event_id,
    event.visitor_id,
    event.person_id,
    person.home_site_id as site_id,
    event.channel_id,
    event.biz_date,
    month_of(event.biz_date) as month,
    event.step,
    event.at
from event
left join hub.person as person on event.person_id = person.person_id
