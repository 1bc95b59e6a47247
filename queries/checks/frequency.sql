-- paying visits over distinct persons with a paying visit in the twelve months up to the end of
-- each month, by site
with received as (
    select jzid
    from raw.his_t_sk
    where lx in (1, 2, 6) and jzid is not null
    group by jzid
    having sum(to_fen(je)) > 0
),

paying as (
    select org.jgbm as site, local_date(visit.ddsj, org.jgbm) as day, link.person_id
    from raw.his_t_jz as visit
    inner join received on visit.jzid = received.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

month_end as (
    select
        month_of(day) as month,
        cast(max(date_trunc('month', day)) + interval '1 month' - interval '1 day' as date) as day
    from (select distinct local_date(ddsj, jgbm) as day
from raw.his_t_jz inner join raw.his_t_org using (jgid)) as days
    group by month_of(day)
),

summed as (
    select
        paying.site,
        month_end.month,
        count(*) as numerator,
        count(distinct paying.person_id) as denominator
    from month_end
    inner join paying
        on paying.day <= month_end.day
        and month_of(paying.day) > month_of(month_end.day - interval '12 months')
    group by paying.site, month_end.month
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
