-- pay of clinical departments less what their services take of it at 83 % of the paid minutes of
-- each role, in fen, by site and month booked
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

work as (
    select
        done.unit, done.month, need.role,
        sum(done.cases * need.heads * cast(need.minutes as decimal(12, 0))) as minutes
    from done
    inner join raw.his_t_xm as item on done.xmid = item.xmid and item.lx = 1
    inner join raw.ledger_item_standard as need on item.xmbm = need.item
    group by done.unit, done.month, need.role
),

-- the work of a role at the role's own rate; without paid minutes there is no rate
valued as (
    select
        dept.sjid as site, hours.month, sum(to_fen(hours.pay)) as pay,
        case when sum(hours.paid_minutes) > 0 then round(
            cast(sum(to_fen(hours.pay)) as decimal(18, 0)) * max(work.minutes)
            / cast(0.83 * sum(hours.paid_minutes) as decimal(18, 2))
        ) end as taken
    from raw.ledger_labour_hours as hours
    inner join raw.his_t_ry as staff on hours.staff_id = staff.ryid
    inner join raw.his_t_org as dept on hours.department = dept.jgbm and dept.kslb = 1
    left join work on dept.jgid = work.unit and hours.month = work.month
        and case staff.js when 1 then 'doctor' when 2 then 'assistant' when 3 then 'nurse'
            when 4 then 'consultant' when 5 then 'customer_service' when 6 then 'marketer'
            when 7 then 'product_manager' when 8 then 'store_manager' when 9 then 'finance'
            else 'other' end = work.role
    where dept.jgbm || hours.month in (
        select department || period from raw.ledger_cost_entry
    )
    group by dept.sjid, dept.jgbm, hours.month, staff.js
)

select
    site.jgbm as site,
    valued.month,
    sum(valued.pay) - coalesce(sum(valued.taken), 0) as numerator,
    1 as denominator,
    cast(sum(valued.pay) - coalesce(sum(valued.taken), 0) as double) as value
from valued
inner join raw.his_t_org as site on valued.site = site.jgid
group by site.jgbm, valued.month
