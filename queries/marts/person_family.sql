-- one row per person and family edge, each edge seen from both ends
with edge as (
    select relation_id, person_a as person_id, person_b as relative_id, type
    from hub.person_relation
    union all
    select relation_id, person_b as person_id, person_a as relative_id, type
    from hub.person_relation
),

person as (
    select * from hub.person
)

select
    edge.person_id,
    edge.relation_id,
    edge.relative_id,
    mask_name(person.display_name) as masked_name,
    edge.type as relation
from edge
left join person on edge.relative_id = person.person_id
where edge.person_id is not null and edge.relative_id is not null
    and edge.person_id <> edge.relative_id
