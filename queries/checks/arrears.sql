-- billed less settled plus refunds that reopen a bill, up to the end of each month, by site
with change as (
    select org.jgbm as site, month_of(local_date(bill.kdsj, org.jgbm)) as month,
        to_fen(line.ys) as fen
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    where bill.zt not in (0, 4)
    union all
    select org.jgbm, month_of(local_date(receipt.sksj, org.jgbm)), -to_fen(receipt.je)
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    where receipt.sfdid in (select sfdid from raw.his_t_sfd)
    union all
    select org.jgbm, month_of(local_date(back.tfsj, org.jgbm)), to_fen(back.je)
    from raw.his_t_tf as back
    inner join raw.his_t_org as org on back.jgid = org.jgid
    left join raw.his_t_qy as own on back.sfmxid = own.sfmxid
    left join raw.his_t_sk as receipt on back.skid = receipt.skid
    where own.qyid is null and coalesce(receipt.lx, 0) <> 2
        -- money that settled nothing reopens nothing
        and not (
            back.sfmxid is null and coalesce(receipt.lx in (1, 6), false)
            and receipt.sfdid is null
        )
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
