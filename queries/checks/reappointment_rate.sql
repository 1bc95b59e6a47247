-- visits on whose day a later appointment was made over visits with uses of services left at the
-- end of the day, by site and month
with bought as (
    select own.qyid, own.sfmxid, own.jgid, own.zcs, own.tcs, link.person_id,
        local_date(bill.kdsj, org.jgbm) as day
    from raw.his_t_qy as own
    inner join raw.his_t_xm as item on own.xmid = item.xmid and item.lx = 1
    inner join raw.his_t_sfmx as line on own.sfmxid = line.sfmxid
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(own.brid as text) = link.record_id
),

change as (
    select person_id, jgid, day, zcs as times from bought
    union all
    select bought.person_id, bought.jgid, local_date(used.hksj, org.jgbm), -used.cs
    from raw.his_t_xh as used
    inner join raw.his_t_org as org on used.jgid = org.jgid
    inner join bought on used.qyid = bought.qyid
    where used.cxsj is null
    union all
    select bought.person_id, bought.jgid, given.day, -bought.tcs
    from bought
    inner join (
        select sfmxid, min(local_date(tfsj, jgbm)) as day
        from raw.his_t_tf inner join raw.his_t_org using (jgid) group by sfmxid
    ) as given on bought.sfmxid = given.sfmxid
),

arrival as (
    select visit.jzid, visit.jgid, local_date(visit.ddsj, org.jgbm) as day, link.person_id
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

open as (
    select arrival.jzid, arrival.jgid, arrival.day, arrival.person_id
    from arrival
    inner join change
        on arrival.person_id = change.person_id and arrival.jgid = change.jgid
            and change.day <= arrival.day
    group by arrival.jzid, arrival.jgid, arrival.day, arrival.person_id
    having sum(change.times) > 0
),

made as (
    select distinct link.person_id, booking.jgid, local_date(booking.djsj, org.jgbm) as day
    from raw.his_t_yy as booking
    inner join raw.his_t_org as org on booking.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(booking.brid as text) = link.record_id
    where local_date(booking.kssj, org.jgbm) > local_date(booking.djsj, org.jgbm)
),

summed as (
    select
        org.jgbm as site,
        month_of(open.day) as month,
        count(made.person_id) as numerator,
        count(*) as denominator
    from open
    inner join raw.his_t_org as org on open.jgid = org.jgid
    left join made
        on open.person_id = made.person_id and open.jgid = made.jgid and open.day = made.day
    group by org.jgbm, month_of(open.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
