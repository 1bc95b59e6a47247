-- one row per person: what segments are cut by
with through as (
    select data_through from hub.data_through
),

-- what the person came or asked for last
need as (
    select
        person_id,
        last_value(business_line order by biz_date, has_visit, business_line) as need_line,
        max(case when has_visit then biz_date end) as last_visit_on
    from hub.lifecycle_day
    group by person_id
),

engaged as (
    select
        person_id,
        max(local_date(at)) as last_touch_on,
        count(*) filter (where local_date(at) > data_through - 90) as touches_90d
    from hub.touchpoint
    cross join through
    where person_id is not null and direction = 'in'
    group by person_id
),

treated as (
    select
        person_id,
        bool_or(is_in_treatment) as is_in_treatment,
        bool_or(is_interrupted) as is_interrupted
    from hub.lifecycle_state
    group by person_id
)

select
    person.person_id,
    person.lifecycle,
    coalesce(treated.is_in_treatment, false) as is_in_treatment,
    coalesce(treated.is_interrupted, false) as is_interrupted,
    case when rfm.monetary is null then 'none' when rfm.monetary = 5 then 'high'
        when rfm.monetary >= 3 then 'middle' else 'low' end as spend_tier,
    coalesce(rfm.score, '') as rfm_score,
    rfm.rfm_group,
    need.need_line,
    case
        when coalesce(engaged.touches_90d, 0) >= 3 then 'active'
        when coalesce(engaged.touches_90d, 0) >= 1 then 'some'
        else 'quiet'
    end as activity,
    engaged.last_touch_on,
    need.last_visit_on,
    person.sex,
    person.is_minor_u14,
    person.district,
    person.first_channel_id,
    person.home_site_id,
    coalesce(permission.is_permitted, false) as may_be_contacted
from hub.patient_360 as person
left join need on person.person_id = need.person_id
left join engaged on person.person_id = engaged.person_id
left join treated on person.person_id = treated.person_id
left join hub.person_rfm as rfm on person.person_id = rfm.person_id
left join hub.marketing_permission as permission on person.person_id = permission.person_id
