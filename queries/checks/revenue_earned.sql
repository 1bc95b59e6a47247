-- redemptions not undone and lines earned at once, in fen, by site and month
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
)

select
    org.jgbm as site,
    month_of(earned.day) as month,
    sum(earned.fen) as numerator,
    1 as denominator,
    cast(sum(earned.fen) as double) as value
from earned
inner join raw.his_t_org as org on earned.jgid = org.jgid
group by org.jgbm, month_of(earned.day)
