-- examinations with no order at or before them over examinations, by site and month of the visit
with exam as (
    select step.lcid, step.jzid, step.fssj from raw.his_t_lc as step where step.bz = 5
),

lawful as (
    select distinct exam.lcid
    from exam
    inner join raw.his_t_lc as bill on exam.jzid = bill.jzid
    where bill.bz = 3 and bill.fssj <= exam.fssj
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        count(*) - count(lawful.lcid) as numerator,
        count(*) as denominator
    from exam
    inner join raw.his_t_jz as visit on exam.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    left join lawful on exam.lcid = lawful.lcid
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
