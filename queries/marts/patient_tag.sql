-- one row per person, tag and time it held, whoever gave it
select tag_id, person_id, tag, value, source, from_at, to_at, is_current
from hub.person_tag
where person_id is not null
union all
select
    given.tag_id,
    link.person_id,
    given.tag,
    given.value,
    'manual' as source,
    given.from_at,
    given.to_at,
    given.to_at is null or local_date(given.to_at) > through.data_through as is_current
from hub.manual_tag as given
inner join hub.person_link as link on given.record_id = link.record_id
cross join hub.data_through as through
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
