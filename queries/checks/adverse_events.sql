-- adverse events of every level by site and month they happened in
select
    org.jgbm as site,
    month_of(local_date(event.fssj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from raw.his_t_blsj as event
inner join raw.his_t_org as org on event.jgid = org.jgid
group by org.jgbm, month_of(local_date(event.fssj, org.jgbm))
