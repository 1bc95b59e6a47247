-- visits no visit of the person at the brand came before, by site and month
with arrival as (
    select visit.jzid, visit.ddsj, visit.jgid, link.person_id, org.sjid as brand
    from raw.his_t_jz as visit
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
    inner join raw.his_t_org as org on visit.jgid = org.jgid
)

select
    org.jgbm as site,
    month_of(local_date(arrival.ddsj, org.jgbm)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from arrival
inner join raw.his_t_org as org on arrival.jgid = org.jgid
where not exists (
    select 1
    from arrival as earlier
    where earlier.person_id = arrival.person_id and earlier.brand = arrival.brand
        and (
            earlier.ddsj < arrival.ddsj
            or (earlier.ddsj = arrival.ddsj and earlier.jzid < arrival.jzid)
        )
)
group by org.jgbm, month_of(local_date(arrival.ddsj, org.jgbm))
