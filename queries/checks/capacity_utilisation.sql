-- standard minutes of services redeemed or billed at once over 83 % of paid minutes, for staff of
-- clinical departments with cost, by site and month booked
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
    where bill.zt not in (0, 4) and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

paid as (
    select
        dept.jgid as unit, hours.month, sum(hours.paid_minutes) as minutes
    from raw.ledger_labour_hours as hours
    inner join raw.his_t_ry as staff on hours.staff_id = staff.ryid
    inner join raw.his_t_org as dept on hours.department = dept.jgbm
    group by 1, 2
),

work as (
    select done.unit, done.month, sum(done.cases * need.heads * need.minutes) as minutes
    from done
    inner join raw.his_t_xm as item on done.xmid = item.xmid and item.lx = 1
    inner join raw.ledger_item_standard as need on item.xmbm = need.item
    group by 1, 2
),

-- work counts whether or not somebody is paid for the role
part as (
    select unit, month, minutes as paid, cast(0 as decimal(24, 4)) as used from paid
    union all
    select unit, month, 0, minutes from work
),

summed as (
    select
        site.jgbm as site, part.month,
        sum(part.used) as numerator, sum(part.paid) * 0.83 as denominator
    from part
    inner join raw.his_t_org as dept on part.unit = dept.jgid and dept.kslb = 1
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    where dept.jgbm || part.month in (
        select department || period from raw.ledger_cost_entry
    )
    group by site.jgbm, part.month
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / cast(denominator as double) as value
from summed
where denominator <> 0
