-- one row per touch, with the person behind an anonymous visitor where one is known
with known as (
    -- an anonymous id of two persons (a shared device) tells nothing
    select anon_id, min(person_id) as person_id
    from hub.touchpoint
    where anon_id is not null and person_id is not null
    group by anon_id
    having count(distinct person_id) = 1
)

select
    touch.touch_id,
    coalesce(touch.person_id, known.person_id) as person_id,
    touch.anon_id,
    touch.lead_id,
    touch.channel_id,
    touch.campaign_id,
    touch.kind,
    touch.direction,
    touch.medium,
    -- an ad seen, a call made: not the visit itself, nor what is said after it
    touch.direction = 'in' and touch.channel_id is not null
        and touch.kind in ('view', 'read', 'live', 'message', 'call', 'form') as is_marketing,
    touch.at,
    touch.biz_date,
    touch.month
from hub.touchpoint as touch
left join known on touch.anon_id = known.anon_id
