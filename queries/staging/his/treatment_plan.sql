-- one row per treatment plan
with plan as (
    select * from raw.his_t_fa
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
    'his:' || cast(plan.faid as text) as plan_id,
    link.person_id,
    site.site_id,
    local_date(plan.cssj, site.site_id) as biz_date,
    month_of(local_date(plan.cssj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(visit.business_line, site.business_line) as business_line,
    cast(plan.ysid as text) as doctor_id,
    cast(plan.gwid as text) as consultant_id,
    visit.visit_id,
    plan.cssj as presented_at,
    plan.qysj as signed_at,
    case plan.zt
        when 0 then 'draft' when 1 then 'presented' when 2 then 'accepted' when 3 then 'partly'
        when 4 then 'declined' when 5 then 'completed' when 9 then 'void'
    end as status,
    to_fen(plan.zje) as total_fen
from plan
left join link on 'his:' || cast(plan.brid as text) = link.record_id
left join site on plan.jgid = site.his_org_id
left join visit on 'his:' || cast(plan.jzid as text) = visit.visit_id
