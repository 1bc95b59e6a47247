-- one row per answer
with answer as (
    select * from raw.his_t_dc
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
    'his:' || cast(answer.dcid as text) as response_id,
    link.person_id,
    site.site_id,
    local_date(answer.sj, site.site_id) as biz_date,
    month_of(local_date(answer.sj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(visit.business_line, site.business_line) as business_line,
    visit.channel_id,
    visit.doctor_id,
    visit.consultant_id,
    visit.visit_type,
    visit.visit_id,
    case answer.dclx when 1 then 'nps' when 2 then 'csat' else 'profile' end as kind,
    answer.wt as question,
    answer.fs as score,
    answer.nr as text,
    answer.sj as at,
    answer.dclx = 1 and answer.fs >= 9 as is_promoter,
    answer.dclx = 1 and answer.fs <= 6 as is_detractor
from answer
left join link on 'his:' || cast(answer.brid as text) = link.record_id
left join site on answer.jgid = site.his_org_id
left join visit on 'his:' || cast(answer.jzid as text) = visit.visit_id
