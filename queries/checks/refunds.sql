-- refunds paid out, in fen, by site and month of the payout
with refunded as (
    select
        org.jgbm as site,
        month_of(local_date(refund.tfsj, org.jgbm)) as month,
        sum(to_fen(refund.je)) as numerator
    from raw.his_t_tf as refund
    inner join raw.his_t_org as org on refund.jgid = org.jgid
    group by org.jgbm, month_of(local_date(refund.tfsj, org.jgbm))
)

select
    site,
    month,
    numerator,
    1 as denominator,
    cast(numerator as double) as value
from refunded
