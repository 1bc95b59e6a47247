-- uses bought less used and given back, plus stored value and money for no bill yet, up to the end
-- of each month, in fen, by site
with change as (
    select org.jgbm as site, month_of(local_date(bill.kdsj, place.jgbm)) as month,
        own.zcs * to_fen(own.dj) as fen
    from raw.his_t_qy as own
    inner join raw.his_t_sfmx as line on own.sfmxid = line.sfmxid
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as place on bill.jgid = place.jgid
    inner join raw.his_t_org as org on own.jgid = org.jgid
    union all
    select org.jgbm, month_of(local_date(used.hksj, place.jgbm)), -to_fen(used.je)
    from raw.his_t_xh as used
    inner join raw.his_t_org as place on used.jgid = place.jgid
    inner join raw.his_t_qy as own on used.qyid = own.qyid
    inner join raw.his_t_org as org on own.jgid = org.jgid
    where used.cxsj is null
    union all
    select org.jgbm, month_of(local_date(back.tfsj, org.jgbm)), -to_fen(back.je)
    from raw.his_t_tf as back
    inner join raw.his_t_org as org on back.jgid = org.jgid
    where back.sfmxid in (select sfmxid from raw.his_t_qy)
    union all
    select org.jgbm, month_of(local_date(entry.fssj, org.jgbm)), to_fen(entry.bdje)
    from raw.his_t_ye as entry
    inner join raw.his_t_org as org on entry.jgid = org.jgid
    union all
    select org.jgbm, month_of(local_date(receipt.sksj, org.jgbm)), to_fen(receipt.je)
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    where receipt.sfdid is null and receipt.lx in (1, 6)
    union all
    select org.jgbm, month_of(local_date(back.tfsj, org.jgbm)), -to_fen(back.je)
    from raw.his_t_tf as back
    inner join raw.his_t_sk as receipt on back.skid = receipt.skid
    inner join raw.his_t_org as org on back.jgid = org.jgid
    where back.sfmxid is null and receipt.sfdid is null and receipt.lx in (1, 6)
    union all
    select org.jgbm, month_of(local_date(bill.kdsj, org.jgbm)), to_fen(line.ys)
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    inner join raw.his_t_xm as item on line.xmid = item.xmid
    where bill.zt not in (0, 4) and item.lx in (5, 6)
        and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

grid as (
    select distinct org.jgbm as site, months.month
    from raw.his_t_org as org
    cross join (
        select distinct month_of(local_date(ddsj, jgbm)) as month
        from raw.his_t_jz inner join raw.his_t_org using (jgid)
        union
        select distinct month_of(local_date(sksj, jgbm)) as month
        from raw.his_t_sk inner join raw.his_t_org using (jgid)
    ) as months
    where org.jgjb = 3
)

select
    grid.site,
    grid.month,
    sum(change.fen) as numerator,
    1 as denominator,
    cast(sum(change.fen) as double) as value
from grid
inner join change on grid.site = change.site and change.month <= grid.month
group by grid.site, grid.month
