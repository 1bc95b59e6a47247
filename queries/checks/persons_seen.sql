-- distinct persons among the visits of a site and month
select
    org.jgbm as site,
    month_of(local_date(visit.ddsj, org.jgbm)) as month,
    count(distinct link.person_id) as numerator,
    1 as denominator,
    cast(count(distinct link.person_id) as double) as value
from raw.his_t_jz as visit
inner join raw.his_t_org as org on visit.jgid = org.jgid
inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
