-- budget of the highest version of each month, in fen, by site and month
with plan as (
    select *, dense_rank() over (
        partition by period
        order by
            regexp_replace(version, '[0-9]+$', '') desc,
            cast(coalesce(regexp_match(version, '[0-9]+$')[1], '0') as decimal(38, 0)) desc,
            version desc
    ) as place
    from raw.ledger_budget
)

select
    site.jgbm as site,
    plan.period as month,
    sum(to_fen(plan.amount)) as numerator,
    1 as denominator,
    cast(sum(to_fen(plan.amount)) as double) as value
from plan
inner join raw.his_t_org as dept on plan.department = dept.jgbm
inner join raw.his_t_org as site on dept.sjid = site.jgid
where plan.place = 1
group by site.jgbm, plan.period
