-- cash received on return visits, repurchases and rechecks over those with such a receipt
with received as (
    select jzid, sum(to_fen(je)) as fen
    from raw.his_t_sk
    where lx in (1, 2, 6) and jzid is not null
    group by jzid
    having sum(to_fen(je)) > 0
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        sum(received.fen) as numerator,
        count(*) as denominator
    from received
    inner join raw.his_t_jz as visit on received.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    where visit.lb in (2, 3, 4)
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
