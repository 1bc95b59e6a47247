-- dormant customers nobody contacted within the rule's days of lapsing: those back in these days
-- over all of them, by site and month of lapsing, as far as these days are over
with visit_day as (
    select
        person_id, business_line, biz_date, last_value(site_id order by arrived_at, site_id) as site
    from hub.visit
    where person_id is not null
    group by person_id, business_line, biz_date
),

contact as (
    select link.person_id, local_date(touch."时间") as d
    from raw.crm_touch as touch
    inner join hub.person_link as link on 'crm:' || touch."客户编号" = link.record_id
    where touch."方向" = '出'
    union all
    select link.person_id, local_date(task.wcsj)
    from raw.his_t_hf as task
    inner join hub.person_link as link on 'his:' || cast(task.brid as text) = link.record_id
    where task.zt = 1 and task.gj <> 4
),

-- a spell begins with the first lapse after a visit and ends with the next visit
lapse as (
    select
        event.person_id, event.business_line, event.biz_date as d,
        max(visit_day.biz_date) as last_on
    from hub.lifecycle_event as event
    inner join visit_day
        on event.person_id = visit_day.person_id and event.business_line = visit_day.business_line
        and visit_day.biz_date < event.biz_date
    where event.to_state = 'dormant'
        or (event.to_state = 'churned' and event.from_state <> 'dormant')
    group by event.person_id, event.business_line, event.biz_date
),

contacted as (
    select lapse.person_id, lapse.business_line, lapse.last_on
    from lapse
    inner join contact on lapse.person_id = contact.person_id and contact.d >= lapse.d
    inner join hub.lifecycle_rule as rule
        on lapse.business_line = rule.business_line and lapse.d >= rule.effective_from
        and lapse.d <= coalesce(rule.effective_to, lapse.d)
    where contact.d <= lapse.d + rule.reactivation_days and not exists (
        select 1 from visit_day as back
        where back.person_id = lapse.person_id and back.business_line = lapse.business_line
            and back.biz_date > lapse.last_on and back.biz_date <= contact.d
    )
    group by lapse.person_id, lapse.business_line, lapse.last_on
),

judged as (
    select
        first.site, lapse.d,
        bool_or(coalesce(back.biz_date <= lapse.d + rule.reactivation_days, false)) as is_back
    from lapse
    cross join hub.data_through as through
    inner join hub.lifecycle_rule as rule
        on lapse.business_line = rule.business_line and lapse.d >= rule.effective_from
        and lapse.d <= coalesce(rule.effective_to, lapse.d)
    inner join visit_day as first
        on lapse.person_id = first.person_id
        and lapse.business_line = first.business_line and lapse.last_on = first.biz_date
    left anti join contacted
        on lapse.person_id = contacted.person_id
        and lapse.business_line = contacted.business_line and lapse.last_on = contacted.last_on
    left join visit_day as back
        on lapse.person_id = back.person_id
        and lapse.business_line = back.business_line and back.biz_date > lapse.last_on
    where lapse.d + rule.reactivation_days <= through.data_through
    group by lapse.person_id, lapse.business_line, first.site, lapse.d
)

select
    site, month_of(d) as month, count(*) filter (where is_back) as numerator,
    count(*) as denominator, cast(count(*) filter (where is_back) as double) / count(*) as value
from judged
group by site, month_of(d)
