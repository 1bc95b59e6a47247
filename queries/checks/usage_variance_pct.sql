-- used less standard material of redemptions and lines billed at once, at standard price, over the
-- standard, by site and month; departments count in the months of their usage files
with done as (
    select use.ksid as unit, month_of(local_date(use.hksj, org.jgbm)) as month, owned.xmid,
        cast(use.cs as decimal(12, 2)) as cases
    from raw.his_t_xh as use
    inner join raw.his_t_org as org on use.jgid = org.jgid
    inner join raw.his_t_qy as owned on use.qyid = owned.qyid
    where use.cxsj is null
    union all
    select line.ksid, month_of(local_date(bill.kdsj, org.jgbm)), line.xmid, line.sl
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    inner join raw.his_t_xm as item on line.xmid = item.xmid
    where bill.zt not in (0, 4) and item.lx in (1, 2, 3, 4)
        and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

part as (
    select
        site.jgbm as site, used.period as month, used.department as dept, used.material,
        used.quantity as qty, cast(0 as decimal(18, 4)) as need
    from raw.ledger_material_usage as used
    inner join raw.his_t_org as dept on used.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    union all
    select
        site.jgbm, done.month, dept.jgbm, need.material, -done.cases * need.quantity,
        done.cases * need.quantity
    from done
    inner join raw.his_t_xm as item on done.xmid = item.xmid
    inner join raw.ledger_item_material as need on item.xmbm = need.item
    inner join raw.his_t_org as dept on done.unit = dept.jgid
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    where done.month || ' ' || dept.jgbm in (
        select period || ' ' || department from raw.ledger_material_usage
    )
),

-- a department's usage of a material is valued to the fen
valued as (
    select
        part.site, part.month,
        round(sum(part.qty) * max(to_fen(material.price))) as over_fen,
        round(sum(part.need) * max(to_fen(material.price))) as need_fen
    from part
    inner join raw.ledger_material as material on part.material = material.material
    group by part.site, part.month, part.dept, part.material
),

summed as (
    select site, month, sum(over_fen) as numerator, sum(need_fen) as denominator
    from valued
    group by site, month
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
