-- one row per family edge as the source states it
with relation as (
    select * from raw.his_t_brgx
),

link as (
    select * from hub.person_link
)

select
    'his:' || cast(relation.gxid as text) as relation_id,
    a.person_id as person_a,
    b.person_id as person_b,
    case relation.gxlx
        when 1 then 'mother_child' when 2 then 'spouse'
        when 3 then 'guardian' when 4 then 'sibling' else 'other'
    end as type,
    relation.jlsj as recorded_at
from relation
left join link as a on 'his:' || cast(relation.brid_a as text) = a.record_id
left join link as b on 'his:' || cast(relation.brid_b as text) = b.record_id
