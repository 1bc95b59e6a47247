-- value of lines performed on the day of the plan over value of lines presented, by site and month
-- of a line performed in part that part, rounded down to a fen
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

done as (
    select line.famxid, count(act.czid) as times
    from line
    inner join raw.his_t_cz as act on line.famxid = act.famxid
    inner join raw.his_t_org as org on act.jgid = org.jgid
    where act.zt = 1 and local_date(act.kssj, org.jgbm) = line.day
    group by line.famxid
),

summed as (
    select
        org.jgbm as site,
        month_of(line.day) as month,
        sum(case
            when done.times is null then 0
            when done.times >= line.sl then cast(line.value * 100 as bigint)
            else cast(floor(line.value * 100 * done.times / line.sl) as bigint)
        end) as numerator,
        cast(sum(line.value) * 100 as bigint) as denominator
    from line
    inner join raw.his_t_org as org on line.jgid = org.jgid
    left join done on line.famxid = done.famxid
    group by org.jgbm, month_of(line.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
