-- list less sale over list amount, by site and month of the bill; coupons come after the sale
-- price and are left out, like the lines of draft and void bills
with summed as (
    select
        org.jgbm as site,
        month_of(local_date(bill.kdsj, org.jgbm)) as month,
        sum(to_fen(line.yj) - to_fen(line.sj)) as numerator,
        sum(to_fen(line.yj)) as denominator
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
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
