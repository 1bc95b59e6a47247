-- uses redeemed so far over uses bought and not given back, by site and month they were bought in
with summed as (
    select
        org.jgbm as site,
        month_of(local_date(bill.kdsj, place.jgbm)) as month,
        sum(own.ycs) as numerator,
        sum(own.zcs - own.tcs) as denominator
    from raw.his_t_qy as own
    inner join raw.his_t_sfmx as line on own.sfmxid = line.sfmxid
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as place on bill.jgid = place.jgid
    inner join raw.his_t_org as org on own.jgid = org.jgid
    group by org.jgbm, month_of(local_date(bill.kdsj, place.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
