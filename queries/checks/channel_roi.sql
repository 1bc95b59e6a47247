-- cash received less spend over spend, by site and month of each
with part as (
    select "门店编码" as site, month_of("日期") as month, to_fen("金额") as spent, 0 as received
    from raw.crm_spend
    union all
    select org.jgbm, month_of(local_date(receipt.sksj, org.jgbm)), 0, to_fen(receipt.je)
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    where receipt.lx in (1, 2, 6)
),

summed as (
    select site, month, sum(received) - sum(spent) as numerator, sum(spent) as denominator
    from part
    group by site, month
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
