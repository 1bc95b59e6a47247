-- one row per step of a visit
with step as (
    select * from raw.his_t_lc
),

visit as (
    select * from hub.visit
)

select
    'his:' || cast(step.lcid as text) as event_id,
    visit.visit_id,
    visit.site_id,
    local_date(step.fssj, visit.site_id) as biz_date,
    month_of(local_date(step.fssj, visit.site_id)) as month,
    case step.bz
        when 1 then 'triage' when 2 then 'consult' when 3 then 'order' when 4 then 'pay'
        when 5 then 'exam' when 6 then 'treat' when 7 then 'recheck' when 8 then 'followup'
        when 9 then 'sterilise'
    end as step,
    step.fssj as at,
    cast(step.ryid as text) as actor_id
from step
left join visit on 'his:' || cast(step.jzid as text) = visit.visit_id
