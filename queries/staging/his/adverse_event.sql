-- one row per adverse event
with event as (
    select * from raw.his_t_blsj
),

unit as (
    select * from hub.org_unit
),

encounter as (
    select * from hub.encounter
)

select
    'his:' || cast(event.sjid as text) as event_id,
    encounter.person_id,
    site.site_id,
    local_date(event.fssj, site.site_id) as biz_date,
    month_of(local_date(event.fssj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(nullif(dept.business_line, 'other'), site.business_line) as business_line,
    dept.org_unit_id as dept_id,
    encounter.doctor_id,
    encounter.encounter_id,
    event.dj as level,
    event.lx as type,
    event.fssj as occurred_at,
    event.sbsj as reported_at
from event
left join unit as site on event.jgid = site.his_org_id
left join unit as dept on event.ksid = dept.his_org_id
left join encounter on 'his:' || cast(event.mxid as text) = encounter.encounter_id
