-- one row per person, rule tag, value and unbroken time for which the rule holds
with span as (
    select person_id, tag, value, from_on, to_on
    from hub.tag_span
    cross join hub.data_through as through
    where from_on <= through.data_through
),

-- a span opens a new time unless an earlier one still lasts
opened as (
    select
        *,
        coalesce(max(to_on) over earlier + 1 < from_on, true) as is_new
    from span
    window earlier as (
        partition by person_id, tag, value order by from_on, to_on
        rows between unbounded preceding and 1 preceding
    )
),

numbered as (
    select
        *,
        sum(case when is_new then 1 else 0 end) over (
            partition by person_id, tag, value order by from_on, to_on
        ) as number
    from opened
),

merged as (
    select person_id, tag, value, min(from_on) as from_on, max(to_on) as last_on
    from numbered
    group by person_id, tag, value, number
)

select
    'rule:' || person_id || ':' || tag || ':' || coalesce(value, '') || ':'
        || cast(from_on as text) as tag_id,
    person_id,
    tag,
    value,
    from_on,
    -- what a rule promises beyond the data's last day may still be lengthened
    case when last_on < through.data_through then last_on + 1 end as to_on,
    last_on >= through.data_through as is_current
from merged
cross join hub.data_through as through
