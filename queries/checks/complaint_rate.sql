-- complaints over visits, times 1000, by site and month of each
with part as (
    select jgid, local_date(sj, jgbm) as day, 1 as complaints, 0 as visits
    from raw.his_t_ts inner join raw.his_t_org using (jgid)
    union all
    select jgid, local_date(ddsj, jgbm) as day, 0 as complaints, 1 as visits
    from raw.his_t_jz inner join raw.his_t_org using (jgid)
),

summed as (
    select
        org.jgbm as site,
        month_of(part.day) as month,
        sum(part.complaints) as numerator,
        sum(part.visits) as denominator
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
