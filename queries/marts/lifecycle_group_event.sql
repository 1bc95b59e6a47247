-- one row per person and day on which the person's state in the group changed
-- the group's state is the one of the line in which the person is most active; who only looked in
-- never lapses there, so what was paid for elsewhere goes before
with event as (
    select
        *,
        case to_state
            when 'return' then 7 when 'reactivated' then 6 when 'first' then 5
            when 'dormant' then 4 when 'churned' then 3 when 'visited_unpaid' then 2 else 1
        end as activity
    from hub.lifecycle_event
),

change as (
    select distinct person_id, biz_date from event
),

standing as (
    select
        change.person_id,
        change.biz_date,
        event.business_line,
        event.site_id,
        event.brand_id,
        event.city,
        event.channel_id,
        event.to_state,
        row_number() over (
            partition by change.person_id, change.biz_date
            order by event.activity desc, event.biz_date desc, event.business_line
        ) as preference
    from change
    inner join event
        on change.person_id = event.person_id and change.biz_date >= event.biz_date
        and change.biz_date <= coalesce(event.until_on, change.biz_date)
),

chained as (
    select *, lag(to_state) over (partition by person_id order by biz_date) as from_state
    from standing
    where preference = 1
)

select
    person_id || ':' || cast(biz_date as text) as event_id,
    person_id,
    business_line,
    site_id,
    brand_id,
    city,
    channel_id,
    biz_date,
    month_of(biz_date) as month,
    from_state,
    to_state,
    lead(biz_date) over (partition by person_id order by biz_date) - 1 as until_on
from chained
where from_state is null or from_state <> to_state
