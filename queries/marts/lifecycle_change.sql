-- one row per day, site, business line, channel and state whose persons changed that day
with change as (
    select site_id, business_line, channel_id, to_state as state, biz_date, 1 as persons
    from hub.lifecycle_event
    union all
    -- who leaves a state leaves it where it began
    select site_id, business_line, channel_id, to_state, until_on + 1, -1
    from hub.lifecycle_event
    where until_on is not null
)

select
    coalesce(site_id, '') || ':' || business_line || ':' || coalesce(channel_id, '') || ':'
        || state || ':' || cast(biz_date as text) as change_id,
    site_id,
    business_line,
    channel_id,
    state,
    biz_date,
    month_of(biz_date) as month,
    sum(persons) as persons
from change
group by site_id, business_line, channel_id, state, biz_date
