-- earned less cost entries that vary, in fen, by site and month; only months whose
-- costs are booked
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

cost as (
    select
        site.jgid,
        entry.period,
        coalesce(sum(to_fen(entry.amount)) filter (where entry.behaviour = 'variable'), 0) as fen
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    group by site.jgid, entry.period
),

revenue as (
    select jgid, month_of(day) as month, sum(fen) as fen from earned group by jgid, month_of(day)
)

select
    org.jgbm as site,
    cost.period as month,
    coalesce(revenue.fen, 0) - cost.fen as numerator,
    1 as denominator,
    cast(coalesce(revenue.fen, 0) - cost.fen as double) as value
from cost
inner join raw.his_t_org as org on cost.jgid = org.jgid
left join revenue on cost.jgid = revenue.jgid and cost.period = revenue.month
