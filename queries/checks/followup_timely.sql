-- follow-up tasks done by the instant they were due over tasks not cancelled, by site and month
-- of the day they are due; open tasks of days to come count below
with counted as (
    select
        org.jgbm as site,
        month_of(local_date(task.dqsj, org.jgbm)) as month,
        count(*) filter (where task.zt = 1 and task.wcsj <= task.dqsj) as numerator,
        count(*) as denominator
    from raw.his_t_hf as task
    inner join raw.his_t_org as org on task.jgid = org.jgid
    where task.zt <> 2
    group by org.jgbm, month_of(local_date(task.dqsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from counted
