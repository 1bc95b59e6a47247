-- one row per day, site, business line, channel and state with the persons in it that day
with changed as (
    select
        coalesce(site_id, '') as site_id,
        business_line,
        coalesce(channel_id, '') as channel_id,
        state,
        biz_date,
        persons
    from hub.lifecycle_change
),

-- from a day of change on, until the next one
held as (
    select
        site_id, business_line, channel_id, state, biz_date,
        sum(persons) over own as persons,
        lead(biz_date) over own - 1 as until_on
    from changed
    window own as (partition by site_id, business_line, channel_id, state order by biz_date)
),

daily as (
    select
        held.site_id, held.business_line, held.channel_id, held.state, held.persons,
        unnest(range(
            held.biz_date,
            coalesce(held.until_on, through.data_through) + 1,
            interval '1 day'
        )) as biz_date
    from held
    cross join hub.data_through as through
    where held.persons > 0
)

select
    daily.site_id || ':' || daily.business_line || ':' || daily.channel_id || ':'
        || daily.state || ':' || cast(daily.biz_date as text) as stock_id,
    nullif(daily.site_id, '') as site_id,
    site.brand_id,
    site.city,
    daily.business_line,
    nullif(daily.channel_id, '') as channel_id,
    daily.state,
    daily.biz_date,
    month_of(daily.biz_date) as month,
    daily.persons,
    month_of(daily.biz_date) <> month_of(daily.biz_date + 1) as is_month_end,
    daily.biz_date = through.data_through as is_newest
from daily
cross join hub.data_through as through
left join hub.org_unit as site on daily.site_id = site.org_unit_id
