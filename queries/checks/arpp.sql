-- cash, top-ups and insurance over the distinct persons who paid them, by site and month
with summed as (
    select
        org.jgbm as site,
        month_of(local_date(receipt.sksj, org.jgbm)) as month,
        sum(to_fen(receipt.je)) as numerator,
        count(distinct link.person_id) as denominator
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    left join hub.person_link as link on 'his:' || cast(receipt.brid as text) = link.record_id
    where receipt.lx in (1, 2, 6)
    group by org.jgbm, month_of(local_date(receipt.sksj, org.jgbm))
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
