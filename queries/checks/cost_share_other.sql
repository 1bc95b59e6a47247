-- cost of class other over cost of all classes booked on departments, by site and month
with summed as (
    select
        site.jgbm as site,
        entry.period as month,
        coalesce(
            sum(to_fen(entry.amount)) filter (where account.cost_class = 'other'), 0
        ) as numerator,
        sum(to_fen(entry.amount)) as denominator
    from raw.ledger_cost_entry as entry
    inner join raw.ledger_account as account on entry.account = account.account
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    group by site.jgbm, entry.period
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
