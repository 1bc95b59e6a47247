-- one row per visit whose steps were recorded
with stepped as (
    select visit_id, count(*) as steps
    from hub.sop_event
    where visit_id is not null
    group by visit_id
),

broken as (
    select visit_id, count(*) as breaches from hub.sop_breach group by visit_id
)

select
    visit.visit_id,
    visit.person_id,
    visit.site_id,
    visit.biz_date,
    visit.month,
    visit.brand_id,
    visit.city,
    visit.business_line,
    visit.dept_id,
    visit.channel_id,
    visit.doctor_id,
    visit.consultant_id,
    visit.visit_type,
    stepped.steps,
    coalesce(broken.breaches, 0) as breaches,
    broken.breaches is null as is_conforming
from stepped
inner join hub.visit as visit on stepped.visit_id = visit.visit_id
left join broken on stepped.visit_id = broken.visit_id
