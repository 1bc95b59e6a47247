-- value of lines accepted in time over value of lines presented, in fen, by site and month
with line as (
    select
        plan.jgid,
        plan.brid,
        local_date(plan.cssj, org.jgbm) as day,
        own.famxid,
        own.sl,
        own.jg * own.sl - own.yh as value,
        own.jssj is not null
            and to_unixtime(own.jssj) - to_unixtime(plan.cssj) <= setting.acceptance_days * 86400
            as accepted
    from raw.his_t_famx as own
    inner join raw.his_t_fa as plan on own.faid = plan.faid
    inner join raw.his_t_org as org on plan.jgid = org.jgid
    cross join hub.metric_setting as setting
    where plan.zt not in (0, 9)
),

summed as (
    select
        org.jgbm as site,
        month_of(line.day) as month,
        cast(sum(case when line.accepted then line.value else 0 end) * 100 as bigint) as numerator,
        cast(sum(line.value) * 100 as bigint) as denominator
    from line
    inner join raw.his_t_org as org on line.jgid = org.jgid
    group by org.jgbm, month_of(line.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
