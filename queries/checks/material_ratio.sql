-- direct material over earned, by site and month; only months whose costs are booked
with earned as (
    select jgid, local_date(hksj, jgbm) as day, to_fen(je) as fen
    from raw.his_t_xh
    inner join raw.his_t_org using (jgid)
    where cxsj is null
    union all
    select bill.jgid, local_date(bill.kdsj, org.jgbm) as day, to_fen(line.ys) as fen
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    inner join raw.his_t_xm as item on line.xmid = item.xmid
    where bill.zt not in (0, 4) and item.lx in (1, 2, 3, 4)
        and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

part as (
    select
        org.jgbm as site, month_of(earned.day) as month, earned.fen as earned_fen, 0 as cost_fen
    from earned
    inner join raw.his_t_org as org on earned.jgid = org.jgid
    union all
    select site.jgbm, entry.period, 0, to_fen(entry.amount)
    from raw.ledger_cost_entry as entry
    inner join raw.ledger_account as account on entry.account = account.account
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    where account.cost_class = 'material'
),

summed as (
    select site, month, sum(cost_fen) as numerator, sum(earned_fen) as denominator
    from part
    group by site, month
    having sum(cost_fen) <> 0
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
