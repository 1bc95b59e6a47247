-- one row per visit, practitioner and department
with encounter as (
    select * from raw.his_t_jzmx
),

visit as (
    select * from hub.visit
),

dept as (
    select * from hub.org_unit
)

select
    'his:' || cast(encounter.mxid as text) as encounter_id,
    visit.visit_id,
    visit.person_id,
    visit.site_id,
    coalesce(visit.biz_date, local_date(encounter.kssj, visit.site_id)) as biz_date,
    month_of(coalesce(visit.biz_date, local_date(encounter.kssj, visit.site_id))) as month,
    visit.brand_id,
    visit.city,
    coalesce(nullif(dept.business_line, 'other'), visit.business_line) as business_line,
    dept.org_unit_id as dept_id,
    visit.channel_id,
    cast(encounter.ysid as text) as doctor_id,
    visit.consultant_id,
    visit.visit_type,
    cast(encounter.ysid as text) as practitioner_id,
    case encounter.lx when 1 then 'outpatient' when 2 then 'inpatient' else 'virtual' end as class,
    encounter.kssj as started_at,
    encounter.jssj as ended_at,
    encounter.zdbm as diagnosis_codes
from encounter
left join visit on 'his:' || cast(encounter.jzid as text) = visit.visit_id
left join dept on encounter.ksid = dept.his_org_id
