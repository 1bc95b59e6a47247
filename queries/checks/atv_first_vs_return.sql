-- ticket of first visits over ticket of return visits, repurchases and rechecks, by site and month
-- both sides are tickets in fen: cash received on visits over visits with such a receipt
with received as (
    select jzid, cast(sum(to_fen(je)) as double) as fen
    from raw.his_t_sk
    where lx in (1, 2, 6) and jzid is not null
    group by jzid
    having sum(to_fen(je)) > 0
),

ticket as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        avg(received.fen) filter (where visit.lb = 1) as numerator,
        avg(received.fen) filter (where visit.lb in (2, 3, 4)) as denominator
    from received
    inner join raw.his_t_jz as visit on received.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, numerator / denominator as value
from ticket
where numerator is not null and denominator is not null
