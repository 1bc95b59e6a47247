-- consults won over consults, first visits left out on both sides, by site and month of the visit
with counted as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        count(*) filter (where consult.jg = 1) as numerator,
        count(*) as denominator
    from raw.his_t_zx as consult
    inner join raw.his_t_jz as visit on consult.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    where visit.lb <> 1
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from counted
