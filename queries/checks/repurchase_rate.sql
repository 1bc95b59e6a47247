-- persons whose paying visit followed another within a year over persons with a paying visit, by
-- site and month
with received as (
    select jzid
    from raw.his_t_sk
    where lx in (1, 2, 6) and jzid is not null
    group by jzid
    having sum(to_fen(je)) > 0
),

paying as (
    select visit.jzid, visit.ddsj, visit.jgid, local_date(visit.ddsj, org.jgbm) as day,
        link.person_id
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join received on visit.jzid = received.jzid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

again as (
    select distinct paying.jzid
    from paying
    cross join hub.metric_setting as setting
    inner join paying as earlier on paying.person_id = earlier.person_id
    where (
        earlier.ddsj < paying.ddsj
        or (
            earlier.ddsj = paying.ddsj
            and cast(earlier.jzid as text) < cast(paying.jzid as text)
        )
    ) and paying.day - earlier.day <= setting.repurchase_days
),

summed as (
    select
        org.jgbm as site,
        month_of(paying.day) as month,
        count(distinct case when again.jzid is not null then paying.person_id end) as numerator,
        count(distinct paying.person_id) as denominator
    from paying
    inner join raw.his_t_org as org on paying.jgid = org.jgid
    left join again on paying.jzid = again.jzid
    group by org.jgbm, month_of(paying.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
