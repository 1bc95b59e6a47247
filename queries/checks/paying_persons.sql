-- distinct persons who paid cash, top-ups or insurance, by site and month of the payment
select
    org.jgbm as site,
    month_of(local_date(receipt.sksj, org.jgbm)) as month,
    count(distinct link.person_id) as numerator,
    1 as denominator,
    cast(count(distinct link.person_id) as double) as value
from raw.his_t_sk as receipt
inner join raw.his_t_org as org on receipt.jgid = org.jgid
inner join hub.person_link as link on 'his:' || cast(receipt.brid as text) = link.record_id
where receipt.lx in (1, 2, 6)
group by org.jgbm, month_of(local_date(receipt.sksj, org.jgbm))
