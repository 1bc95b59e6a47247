-- one row per visit with recorded steps: whether it kept the rules of its procedure
with recorded as (
    select visit_id, count(*) as steps
    from hub.sop_event
    where visit_id is not null
    group by visit_id
),

fault as (
    select
        visit_id,
        count(*) as faults,
        count(*) filter (where kind <> 'after') as missing_steps
    from hub.sop_fault
    group by visit_id
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
    visit.channel_id,
    visit.doctor_id,
    visit.consultant_id,
    case visit.visit_type when 'first' then 'first_visit' else 'return_visit' end as sop,
    recorded.steps,
    coalesce(fault.faults, 0) as faults,
    coalesce(fault.missing_steps, 0) as missing_steps,
    fault.visit_id is null as is_conformant
from hub.visit as visit
inner join recorded on visit.visit_id = recorded.visit_id
left join fault on visit.visit_id = fault.visit_id
