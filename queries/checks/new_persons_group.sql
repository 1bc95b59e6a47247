-- persons whose first paid visit anywhere lies in a month, by the site of that visit and month
-- of two lines on one day the first by name counts
with paid as (
    select jzid from raw.his_t_sk where lx in (1, 2, 6) group by jzid having sum(je) > 0
    union
    select bill.jzid
    from raw.his_t_sfd as bill
    inner join raw.his_t_sfmx as line on bill.sfdid = line.sfdid
    where bill.zt not in (0, 4) and line.ys > 0
),

dept as (
    select act.jzid, nullif(first_value(org.ywx order by act.kssj, act.mxid), 9) as line
    from raw.his_t_jzmx as act
    inner join raw.his_t_org as org on act.ksid = org.jgid
    group by act.jzid
),

visit_day as (
    select
        link.person_id,
        coalesce(dept.line, org.ywx) as line,
        local_date(visit.ddsj, org.jgbm) as day,
        last_value(org.jgbm order by visit.ddsj, org.jgbm) as site,
        bool_or(paid.jzid is not null) as is_paid
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
    left join dept on visit.jzid = dept.jzid
    left join paid on visit.jzid = paid.jzid
    group by link.person_id, coalesce(dept.line, org.ywx), local_date(visit.ddsj, org.jgbm)
),

first_paid as (
    select
        person_id, min(day) as day,
        first_value(site order by day, (
            ['obgyn', 'pediatrics', 'aesthetic', 'dental', 'postpartum'])[line]
        ) as site
    from visit_day
    where is_paid
    group by person_id
)

select
    site,
    month_of(day) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from first_paid
group by site, month_of(day)
