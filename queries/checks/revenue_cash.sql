-- cash, top-ups and insurance received, in fen, by site and month
with received as (
    select
        org.jgbm as site,
        month_of(local_date(receipt.sksj, org.jgbm)) as month,
        sum(to_fen(receipt.je)) as numerator
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    where receipt.lx in (1, 2, 6)
    group by org.jgbm, month_of(local_date(receipt.sksj, org.jgbm))
)

select
    site,
    month,
    numerator,
    1 as denominator,
    cast(numerator as double) as value
from received
