-- one row per node of the organisation tree and span of days it stood as it did
with version as (
    -- the last thing the source said of a node on a day
    select *
    from (
        select
            *,
            local_date(coalesce(xgsj, _extracted_at)) as said_on,
            row_number() over (
                partition by jgid, local_date(coalesce(xgsj, _extracted_at))
                order by _extracted_at desc, _load_seq desc
            ) as newest
        from raw.his_t_org_history
    )
    where newest = 1
),

span as (
    -- the first is taken to have held ever since
    select
        *,
        case when row_number() over (partition by jgid order by said_on) = 1
            then date '1900-01-01' else said_on end as from_on,
        coalesce(lead(said_on) over (partition by jgid order by said_on), date '9999-12-31')
            as until_on
    from version
),

-- days on which a node or one above it changed
change as (
    select jgid, from_on as day from span
    union
    select node.jgid, above.from_on
    from span as node
    inner join span as above on node.sjid = above.jgid
    union
    select node.jgid, highest.from_on
    from span as node
    inner join span as above on node.sjid = above.jgid
    inner join span as highest on above.sjid = highest.jgid
),

placed as (
    select
        node.jgbm as org_unit_id, change.day, node.jgmc as name, above.jgbm as parent_id,
        case node.jgjb
            when 2 then node.jgbm when 3 then above.jgbm when 4 then highest.jgbm end as brand_id,
        case node.jgjb when 3 then node.jgbm when 4 then above.jgbm end as site_id,
        coalesce(node.cs, above.cs) as city,
        cast(coalesce(node._deleted, false) as text) as is_gone
    from change
    inner join span as node
        on change.jgid = node.jgid and change.day >= node.from_on and change.day < node.until_on
    left join span as above
        on node.sjid = above.jgid and change.day >= above.from_on and change.day < above.until_on
    left join span as highest
        on above.sjid = highest.jgid
        and change.day >= highest.from_on and change.day < highest.until_on
),

told as (
    select *, concat_ws('|', name, parent_id, brand_id, site_id, city, is_gone) as state from placed
),

-- days on which nothing changed that is kept here make no row
changed as (
    select *
    from (select *, lag(state) over (partition by org_unit_id order by day) as before from told)
    where before is null or before <> state
)

select org_unit_id, valid_from, valid_to, name, parent_id, brand_id, site_id, city
from (
    select
        *, day as valid_from,
        lead(day) over (partition by org_unit_id order by day) - interval '1 day' as valid_to
    from changed
)
where is_gone = 'false'
