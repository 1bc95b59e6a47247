-- one row per performed act
with act as (
    select * from raw.his_t_cz
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

encounter as (
    select * from hub.encounter
)

select
    'his:' || cast(act.czid as text) as procedure_id,
    link.person_id,
    site.site_id,
    local_date(act.kssj, site.site_id) as biz_date,
    month_of(local_date(act.kssj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(encounter.business_line, site.business_line) as business_line,
    encounter.dept_id,
    encounter.encounter_id,
    encounter.visit_id,
    cast(act.xmid as text) as item_id,
    cast(act.zxrid as text) as performer_id,
    act.kssj as started_at,
    act.jssj as ended_at,
    'his:' || cast(act.famxid as text) as plan_item_id,
    'his:' || cast(act.sfmxid as text) as charge_line_id,
    act.tyid as consent_ref,
    case act.zt when 1 then 'done' else 'cancelled' end as status
from act
left join link on 'his:' || cast(act.brid as text) = link.record_id
left join site on act.jgid = site.his_org_id
left join encounter on 'his:' || cast(act.mxid as text) = encounter.encounter_id
