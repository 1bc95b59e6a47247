-- earned over full-time equivalents of all staff, by site and month;
-- only months whose costs are booked
with earned as (
    select jgid, local_date(hksj) as day, to_fen(je) as fen
    from raw.his_t_xh
    where cxsj is null
    union all
    select bill.jgid, local_date(bill.kdsj) as day, to_fen(line.ys) as fen
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_xm as item on line.xmid = item.xmid
    where bill.zt not in (0, 4) and item.lx in (1, 2, 3, 4)
        and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

booked as (
    select distinct site.jgid, entry.period
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
),

above as (
    select earned.jgid, month_of(earned.day) as month, sum(earned.fen) as units
    from earned
    inner join booked on earned.jgid = booked.jgid and month_of(earned.day) = booked.period
    group by earned.jgid, month_of(earned.day)
),

hours as (
    select site.jgid, hours.month, sum(staff.fte) as units
    from raw.ledger_labour_hours as hours
    inner join raw.his_t_org as dept on hours.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    inner join raw.his_t_ry as staff on hours.staff_id = staff.ryid
    group by site.jgid, hours.month
),

summed as (
    select
        org.jgbm as site,
        hours.month,
        coalesce(above.units, 0) as numerator,
        hours.units as denominator
    from hours
    inner join raw.his_t_org as org on hours.jgid = org.jgid
    left join above on hours.jgid = above.jgid and hours.month = above.month
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / cast(denominator as double) as value
from summed
where denominator <> 0
