-- adverse events over encounters, times 1000, by site and month of each
with part as (
    select jgid, local_date(fssj, jgbm) as day, 1 as events, 0 as encounters
    from raw.his_t_blsj
    inner join raw.his_t_org using (jgid)
    union all
    select visit.jgid, local_date(visit.ddsj, org.jgbm) as day, 0 as events, 1 as encounters
    from raw.his_t_jzmx as encounter
    inner join raw.his_t_jz as visit on encounter.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
),

summed as (
    select
        org.jgbm as site,
        month_of(part.day) as month,
        sum(part.events) as numerator,
        sum(part.encounters) as denominator
    from part
    inner join raw.his_t_org as org on part.jgid = org.jgid
    group by org.jgbm, month_of(part.day)
)

select
    site,
    month,
    numerator,
    denominator,
    1000 * cast(numerator as double) / denominator as value
from summed
where denominator <> 0
