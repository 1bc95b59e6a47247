-- one row per complaint
with complaint as (
    select * from raw.his_t_ts
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

visit as (
    select * from hub.visit
)

select
    'his:' || cast(complaint.tsid as text) as complaint_id,
    link.person_id,
    site.site_id,
    local_date(complaint.sj, site.site_id) as biz_date,
    month_of(local_date(complaint.sj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(visit.business_line, site.business_line) as business_line,
    visit.channel_id,
    visit.doctor_id,
    visit.consultant_id,
    visit.visit_type,
    visit.visit_id,
    cast(complaint.ryid as text) as against_staff_id,
    complaint.dj as severity,
    complaint.lb as category,
    complaint.sj as opened_at,
    complaint.jasj as closed_at,
    complaint.cljg as resolution
from complaint
left join link on 'his:' || cast(complaint.brid as text) = link.record_id
left join site on complaint.jgid = site.his_org_id
left join visit on 'his:' || cast(complaint.jzid as text) = visit.visit_id
