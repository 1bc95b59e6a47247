-- visits no visit of the person in the business line came before, by site and month
-- the line is that of the department of the first encounter, of the site where that has none
with begun as (
    select jzid, min(kssj) as kssj from raw.his_t_jzmx group by jzid
),

place as (
    select begun.jzid, min(encounter.mxid) as mxid
    from begun
    inner join raw.his_t_jzmx as encounter
        on begun.jzid = encounter.jzid and begun.kssj = encounter.kssj
    group by begun.jzid
),

arrival as (
    select
        visit.jzid,
        visit.ddsj,
        site.jgbm as site,
        link.person_id,
        case when dept.ywx is null or dept.ywx = 9 then site.ywx else dept.ywx end as line
    from raw.his_t_jz as visit
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
    inner join raw.his_t_org as site on visit.jgid = site.jgid
    left join place on visit.jzid = place.jzid
    left join raw.his_t_jzmx as encounter on place.mxid = encounter.mxid
    left join raw.his_t_org as dept on encounter.ksid = dept.jgid
)

select
    site,
    month_of(local_date(ddsj, site)) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from arrival
where not exists (
    select 1
    from arrival as earlier
    where earlier.person_id = arrival.person_id and earlier.line = arrival.line
        and (
            earlier.ddsj < arrival.ddsj
            or (earlier.ddsj = arrival.ddsj and earlier.jzid < arrival.jzid)
        )
)
group by site, month_of(local_date(ddsj, site))
