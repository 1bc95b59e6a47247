-- refunds over cash received, by site and month of each
with part as (
    select jgid, local_date(tfsj, jgbm) as day, to_fen(je) as refund_fen, 0 as cash_fen
    from raw.his_t_tf
    inner join raw.his_t_org using (jgid)
    union all
    select jgid, local_date(sksj, jgbm) as day, 0 as refund_fen, to_fen(je) as cash_fen
    from raw.his_t_sk
    inner join raw.his_t_org using (jgid)
    where lx in (1, 2, 6)
),

summed as (
    select
        org.jgbm as site,
        month_of(part.day) as month,
        sum(part.refund_fen) as numerator,
        sum(part.cash_fen) as denominator
    from part
    inner join raw.his_t_org as org on part.jgid = org.jgid
    group by org.jgbm, month_of(part.day)
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
