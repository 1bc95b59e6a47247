-- complaints of every severity by site and month of the day they were opened
select
    org.jgbm as site,
    month_of(local_date(complaint.sj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from raw.his_t_ts as complaint
inner join raw.his_t_org as org on complaint.jgid = org.jgid
group by org.jgbm, month_of(local_date(complaint.sj, org.jgbm))
