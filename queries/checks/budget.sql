-- budget of the highest version of each month, in fen, by site and month
select
    site.jgbm as site,
    plan.period as month,
    sum(to_fen(plan.amount)) as numerator,
    1 as denominator,
    cast(sum(to_fen(plan.amount)) as double) as value
from raw.ledger_budget as plan
inner join raw.his_t_org as dept on plan.department = dept.jgbm
inner join raw.his_t_org as site on dept.sjid = site.jgid
where not exists (
    select 1
    from raw.ledger_budget as newer
    where newer.period = plan.period and newer.version > plan.version
)
group by site.jgbm, plan.period
