-- lines of bills that are neither draft nor void, in fen, by site and month of the bill
with billed as (
    select
        org.jgbm as site,
        month_of(local_date(bill.kdsj, org.jgbm)) as month,
        sum(to_fen(line.ys)) as numerator
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    where bill.zt not in (0, 4)
    group by org.jgbm, month_of(local_date(bill.kdsj, org.jgbm))
)

select
    site,
    month,
    numerator,
    1 as denominator,
    cast(numerator as double) as value
from billed
