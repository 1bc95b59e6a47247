-- return visits, repurchases and rechecks by site and month
select
    org.jgbm as site,
    month_of(local_date(visit.ddsj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from raw.his_t_jz as visit
inner join raw.his_t_org as org on visit.jgid = org.jgid
where visit.lb in (2, 3, 4)
group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
