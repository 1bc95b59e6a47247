-- cost of all departments of a site over its visits, by month; only months whose costs are booked
with part as (
    select org.jgbm as site, month_of(local_date(visit.ddsj, org.jgbm)) as month, 0 as cost_fen,
        1 as visits
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    union all
    select site.jgbm, entry.period, to_fen(entry.amount), 0
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
),

summed as (
    select site, month, sum(cost_fen) as numerator, sum(visits) as denominator
    from part
    group by site, month
    having sum(cost_fen) <> 0
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
