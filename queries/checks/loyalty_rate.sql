-- loyal persons over persons seen, by site and month of the visit
-- loyal: at least the third visit within 365 days, or seen 365 to 1094 days before as well
with arrival as (
    select visit.jzid, visit.jgid, local_date(visit.ddsj, org.jgbm) as day, link.person_id
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

habit as (
    select
        arrival.jzid,
        count(*) filter (where arrival.day - other.day <= 364) as recent,
        count(*) filter (where arrival.day - other.day between 365 and 1094) as old
    from arrival
    inner join arrival as other
        on arrival.person_id = other.person_id and other.day <= arrival.day
    group by arrival.jzid
),

summed as (
    select
        org.jgbm as site,
        month_of(arrival.day) as month,
        count(distinct case
            when habit.recent >= setting.loyal_visits or habit.old > 0 then arrival.person_id
        end) as numerator,
        count(distinct arrival.person_id) as denominator
    from arrival
    cross join hub.metric_setting as setting
    inner join habit on arrival.jzid = habit.jzid
    inner join raw.his_t_org as org on arrival.jgid = org.jgid
    group by org.jgbm, month_of(arrival.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
