-- one row per path and marketing touch of the year before its end; a conversion without one has
-- a row without touch
with paying as (
    select
        *,
        row_number() over (partition by person_id order by arrived_at, visit_id) as nth
    from hub.visit
    where is_paying and person_id is not null
),

touch as (
    select * from hub.person_touch where is_marketing and person_id is not null
),

lost as (
    select
        touch.person_id,
        max(touch.at) as ended_at,
        max(touch.biz_date) as ended_on
    from touch
    left anti join paying on touch.person_id = paying.person_id
    group by touch.person_id
),

person as (
    select * from hub.person
),

site as (
    select * from hub.org_unit where level = 'site'
),

path as (
    select
        visit_id as path_id, person_id, site_id, brand_id, city, business_line,
        arrived_at as ended_at, biz_date as ended_on,
        case nth when 1 then 'first_paid' else 'paid' end as outcome,
        cash_fen as value_fen
    from paying
    union all
    select
        'lost:' || lost.person_id, lost.person_id, site.site_id, site.brand_id, site.city,
        site.business_line, lost.ended_at, lost.ended_on, 'lost', 0
    from lost
    left join person on lost.person_id = person.person_id
    left join site on person.home_site_id = site.org_unit_id
)

select
    path.path_id,
    coalesce(touch.touch_id, 'none') as touch_id,
    path.person_id,
    path.site_id,
    path.brand_id,
    path.city,
    path.business_line,
    path.ended_on,
    month_of(path.ended_on) as month,
    path.outcome,
    path.value_fen,
    touch.channel_id,
    touch.medium,
    touch.at as touched_at,
    cast(cast(path.ended_on as int) - cast(touch.biz_date as int) as bigint) as days_before
from path
left join touch
    on path.person_id = touch.person_id and touch.at <= path.ended_at
    and touch.biz_date >= path.ended_on - interval '365 days'
