-- cost booked less budget of the highest version, in fen, by site and month; only months with
-- booked costs
with plan as (
    select *, dense_rank() over (
        partition by period
        order by
            regexp_replace(version, '[0-9]+$', '') desc,
            cast(coalesce(regexp_match(version, '[0-9]+$')[1], '0') as decimal(38, 0)) desc,
            version desc
    ) as place
    from raw.ledger_budget
),

part as (
    select site.jgbm as site, entry.period as month, to_fen(entry.amount) as actual, 0 as planned
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    union all
    select site.jgbm, plan.period, 0, to_fen(plan.amount)
    from plan
    inner join raw.his_t_org as dept on plan.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    where plan.place = 1
)

select
    site,
    month,
    sum(actual) - sum(planned) as numerator,
    1 as denominator,
    cast(sum(actual) - sum(planned) as double) as value
from part
group by site, month
having sum(actual) <> 0
