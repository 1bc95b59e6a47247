-- earned over full-time equivalents of all staff, by site and month;
-- only months whose costs are booked
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

-- counted once a month, at each site by the part of the paid minutes there
person as (
    select staff_id, month, cast(sum(paid_minutes) as double) as minutes, count(*) as places
    from raw.ledger_labour_hours
    group by staff_id, month
),

hours as (
    select site.jgid, person.month, cast(round(sum(
        staff.fte * coalesce(worked.paid_minutes / nullif(person.minutes, 0), 1.0 / person.places)
    ), 4) as decimal(12, 4)) as units
    from person
    inner join raw.his_t_ry as staff on person.staff_id = staff.ryid
    inner join raw.ledger_labour_hours as worked
        on person.staff_id = worked.staff_id and person.month = worked.month
    inner join raw.his_t_org as dept on worked.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    group by site.jgid, person.month
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
