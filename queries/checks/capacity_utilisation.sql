-- standard minutes of services redeemed or billed at once over 83 % of paid minutes, for staff of
-- clinical departments with cost and of the role the standard names, by site and month booked
with done as (
    select use.ksid as unit, month_of(local_date(use.hksj)) as month, owned.xmid,
        cast(use.cs as decimal(12, 2)) as cases
    from raw.his_t_xh as use
    inner join raw.his_t_qy as owned on use.qyid = owned.qyid
    where use.cxsj is null
    union all
    select line.ksid, month_of(local_date(bill.kdsj)), line.xmid, line.sl
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    where bill.zt not in (0, 4) and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

paid as (
    select
        dept.jgid as unit, dept.sjid as site, hours.month,
        case staff.js when 1 then 'doctor' when 2 then 'assistant' when 3 then 'nurse'
            when 4 then 'consultant' else 'other' end as role,
        sum(hours.paid_minutes) as minutes
    from raw.ledger_labour_hours as hours
    inner join raw.his_t_ry as staff on hours.staff_id = staff.ryid
    inner join raw.his_t_org as dept on hours.department = dept.jgbm and dept.kslb = 1
    where dept.jgbm || hours.month in (
        select department || period from raw.ledger_cost_entry
    )
    group by 1, 2, 3, 4
),

work as (
    select done.unit, done.month, need.role, sum(done.cases * need.heads * need.minutes) as minutes
    from done
    inner join raw.his_t_xm as item on done.xmid = item.xmid and item.lx = 1
    inner join raw.ledger_item_standard as need on item.xmbm = need.item
    group by 1, 2, 3
),

summed as (
    select
        site.jgbm as site, paid.month,
        sum(coalesce(work.minutes, 0)) as numerator, sum(paid.minutes) * 0.83 as denominator
    from paid
    inner join raw.his_t_org as site on paid.site = site.jgid
    left join work
        on paid.unit = work.unit and paid.month = work.month and paid.role = work.role
    group by site.jgbm, paid.month
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / cast(denominator as double) as value
from summed
where denominator <> 0
