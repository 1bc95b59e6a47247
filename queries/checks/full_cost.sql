-- ledger entries of every department of a site, by month: departments serve their own site only, so
-- what its clinical departments bear after allocation is what all its departments cost
with booked as (
    select site.jgbm as site, entry.period as month, sum(to_fen(entry.amount)) as numerator
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    group by site.jgbm, entry.period
)

select
    site,
    month,
    numerator,
    1 as denominator,
    cast(numerator as double) as value
from booked
