-- acts of visits with no order at or before them over acts of visits, uses of what was bought
-- before left out, by site and month of the act
with act as (
    select done.czid, done.kssj, done.sfmxid, org.jgbm as site, seen.jzid
    from raw.his_t_cz as done
    inner join raw.his_t_org as org on done.jgid = org.jgid
    inner join raw.his_t_jzmx as seen on done.mxid = seen.mxid
    inner join raw.his_t_jz as visit on seen.jzid = visit.jzid
    where done.zt = 1 and done.czid not in (
        select czid from raw.his_t_xh where czid is not null
    )
),

-- an act on a bill asks for that bill, any other for a bill of the visit
wanted as (
    select act.czid, bill.kdsj
    from act
    inner join raw.his_t_sfmx as line on act.sfmxid = line.sfmxid
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    union all
    select act.czid, bill.kdsj
    from act
    inner join raw.his_t_sfd as bill on act.jzid = bill.jzid
    where act.sfmxid is null or act.sfmxid not in (select sfmxid from raw.his_t_sfmx)
),

lawful as (
    select distinct act.czid
    from act
    inner join wanted on act.czid = wanted.czid and wanted.kdsj <= act.kssj
),

summed as (
    select
        act.site,
        month_of(local_date(act.kssj, act.site)) as month,
        count(*) - count(lawful.czid) as numerator,
        count(*) as denominator
    from act
    left join lawful on act.czid = lawful.czid
    group by act.site, month_of(local_date(act.kssj, act.site))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
