-- visits that received cash, a top-up or insurance, by site and month of the visit
with received as (
    select jzid
    from raw.his_t_sk
    where lx in (1, 2, 6) and jzid is not null
    group by jzid
    having sum(to_fen(je)) > 0
)

select
    org.jgbm as site,
    month_of(local_date(visit.ddsj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from received
inner join raw.his_t_jz as visit on received.jzid = visit.jzid
inner join raw.his_t_org as org on visit.jgid = org.jgid
group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
