-- persons who entered another business line within a year over persons who entered a line and whose
-- year is over, by site and month of the first paid visit in the line
with received as (
    select jzid from raw.his_t_sk where lx in (1, 2, 6) group by jzid having sum(to_fen(je)) > 0
),

-- the line of a visit is that of the department first seen, of the site where that has none
begun as (
    select jzid, first_value(ksid order by kssj, mxid) as ksid from raw.his_t_jzmx group by jzid
),

paid as (
    select
        link.person_id,
        site.jgbm as site,
        visit.ddsj as at,
        cast(visit.jzid as text) as id,
        case when dept.ywx is null or dept.ywx = 9 then site.ywx else dept.ywx end as line
    from raw.his_t_jz as visit
    inner join received on visit.jzid = received.jzid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
    inner join raw.his_t_org as site on visit.jgid = site.jgid
    left join begun on visit.jzid = begun.jzid
    left join raw.his_t_org as dept on begun.ksid = dept.jgid
),

entered as (
    select paid.* from paid
    where not exists (
        select 1 from paid as earlier
        where earlier.person_id = paid.person_id and earlier.line = paid.line
            and (earlier.at < paid.at or (earlier.at = paid.at and earlier.id < paid.id))
    )
),

converted as (
    select distinct entered.id
    from entered
    inner join paid as other on entered.person_id = other.person_id and entered.line <> other.line
    cross join hub.metric_setting as setting
    where local_date(other.at) - local_date(entered.at) <= setting.cross_line_days
        and other.at > entered.at and not exists (
            select 1 from paid as known
            where known.person_id = other.person_id and known.line = other.line
                and known.at <= entered.at
        )
),

last_day as (
    select max(day) as day
    from (
        select max(local_date(ddsj)) as day from raw.his_t_jz
        union all
        select max(local_date(sksj)) as day from raw.his_t_sk
        union all
        select max(local_date("创建时间")) as day from raw.crm_lead
    ) as days
),

summed as (
    select
        entered.site,
        month_of(local_date(entered.at)) as month,
        count(converted.id) as numerator,
        count(*) as denominator
    from entered
    cross join last_day
    cross join hub.metric_setting as setting
    left join converted on entered.id = converted.id
    where last_day.day - local_date(entered.at) >= setting.cross_line_days
    group by entered.site, month_of(local_date(entered.at))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
