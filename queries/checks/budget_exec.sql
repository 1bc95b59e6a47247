-- cost booked over budget of the highest version, by site and month; only months with booked costs
with part as (
    select site.jgbm as site, entry.period as month, to_fen(entry.amount) as actual, 0 as planned
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    union all
    select site.jgbm, plan.period, 0, to_fen(plan.amount)
    from raw.ledger_budget as plan
    inner join raw.his_t_org as dept on plan.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    where not exists (
        select 1
        from raw.ledger_budget as newer
        where newer.period = plan.period and newer.version > plan.version
    )
),

summed as (
    select site, month, sum(actual) as numerator, sum(planned) as denominator
    from part
    group by site, month
    having sum(actual) <> 0
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
