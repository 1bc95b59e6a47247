-- one row per person, tag and time it held, whoever gave it
select tag_id, person_id, tag, value, source, from_at, to_at, is_current
from hub.person_tag
where person_id is not null
union all
select
    tag_id,
    person_id,
    tag,
    value,
    'rule' as source,
    arrow_cast(from_on, 'Timestamp(Microsecond, Some("UTC"))') as from_at,
    arrow_cast(to_on, 'Timestamp(Microsecond, Some("UTC"))') as to_at,
    is_current
from hub.rule_tag
