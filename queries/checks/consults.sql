-- consults by site and month of their visit
select
    org.jgbm as site,
    month_of(local_date(visit.ddsj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from raw.his_t_zx as consult
inner join raw.his_t_jz as visit on consult.jzid = visit.jzid
inner join raw.his_t_org as org on visit.jgid = org.jgid
group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
