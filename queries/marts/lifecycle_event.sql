-- one row per person, business line and day on which the person's state there changed
with day as (
    select
        *,
        max(case when has_visit then biz_date end) over before as last_on,
        coalesce(sum(case when has_paid_visit then 1 else 0 end) over before, 0) as paid_before,
        bool_or(has_visit) over upto as has_come
    from hub.lifecycle_day
    window
        before as (
            partition by person_id, business_line order by biz_date
            rows between unbounded preceding and 1 preceding
        ),
        upto as (partition by person_id, business_line order by biz_date)
),

lapse as (
    select * from hub.lifecycle_lapse
),

-- what each day makes of the person; nothing when it changes nothing
reached as (
    select
        day.person_id, day.business_line, day.biz_date, day.site_id, day.channel_id, day.brand_id,
        day.city,
        case
            when not day.has_come then 'potential'
            when not day.has_visit then null
            when day.paid_before = 0 and not day.has_paid_visit then 'visited_unpaid'
            when day.paid_before = 0 then 'first'
            when lapse.last_on is not null then 'reactivated'
            when day.has_paid_visit then 'return'
        end as state,
        null as rule_id
    from day
    left join lapse
        on day.person_id = lapse.person_id and day.business_line = lapse.business_line
        and day.last_on = lapse.last_on
    union all
    select
        lapse.person_id, lapse.business_line, lapse.dormant_on, day.site_id, day.channel_id,
        day.brand_id, day.city, 'dormant', lapse.dormant_rule_id
    from lapse
    inner join day on lapse.person_id = day.person_id and lapse.business_line = day.business_line
        and lapse.last_on = day.biz_date
    where lapse.churned_on is null or lapse.dormant_on < lapse.churned_on
    union all
    select
        lapse.person_id, lapse.business_line, lapse.churned_on, day.site_id, day.channel_id,
        day.brand_id, day.city, 'churned', lapse.churned_rule_id
    from lapse
    inner join day on lapse.person_id = day.person_id and lapse.business_line = day.business_line
        and lapse.last_on = day.biz_date
    where lapse.churned_on is not null
),

chained as (
    select
        *,
        lag(state) over line as from_state,
        state = 'first' and row_number() over (
            partition by person_id, state order by biz_date, business_line
        ) = 1 as is_first_in_group
    from reached
    where state is not null
    window line as (partition by person_id, business_line order by biz_date)
)

select
    person_id || ':' || business_line || ':' || cast(biz_date as text) as event_id,
    person_id, business_line, site_id, brand_id, city, channel_id, biz_date,
    month_of(biz_date) as month, from_state, state as to_state, rule_id, is_first_in_group,
    lead(biz_date) over (partition by person_id, business_line order by biz_date) - 1 as until_on
from chained
where from_state is null or from_state <> state
