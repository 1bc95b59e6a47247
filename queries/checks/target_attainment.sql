-- cash received over its target, by site and month; targets are kept in yuan
with received as (
    select
        org.jgbm as site,
        month_of(local_date(receipt.sksj, org.jgbm)) as month,
        sum(to_fen(receipt.je)) as fen
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    where receipt.lx in (1, 2, 6)
    group by org.jgbm, month_of(local_date(receipt.sksj, org.jgbm))
),

planned as (
    select
        target.org_code as site,
        target.period as month,
        cast(target.value * 100 as bigint) as fen
    from raw.ledger_target as target
    inner join raw.his_t_org as org on target.org_code = org.jgbm and org.jgjb = 3
    where target.metric = 'revenue_cash'
)

select
    planned.site,
    planned.month,
    coalesce(received.fen, 0) as numerator,
    planned.fen as denominator,
    cast(coalesce(received.fen, 0) as double) / planned.fen as value
from planned
left join received on planned.site = received.site and planned.month = received.month
where planned.fen <> 0
