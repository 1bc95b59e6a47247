-- follow-up tasks not cancelled by site and month of the day they are due
select
    org.jgbm as site,
    month_of(local_date(task.dqsj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from raw.his_t_hf as task
inner join raw.his_t_org as org on task.jgid = org.jgid
where task.zt <> 2
group by org.jgbm, month_of(local_date(task.dqsj, org.jgbm))
