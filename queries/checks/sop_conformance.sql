-- visits whose steps kept the expected order over visits with recorded steps, by site and month
-- expected: triage before consult and examination, order before examination and payment,
-- sterilising after treatment
with told as (
    select
        jzid,
        min(case when bz = 1 then fssj end) as triage,
        min(case when bz = 2 then fssj end) as consult,
        min(case when bz = 3 then fssj end) as bill,
        min(case when bz = 4 then fssj end) as paid,
        min(case when bz = 5 then fssj end) as exam,
        max(case when bz = 6 then fssj end) as treated,
        max(case when bz = 9 then fssj end) as cleaned
    from raw.his_t_lc
    group by jzid
),

judged as (
    select
        jzid,
        (consult is null or coalesce(triage <= consult, false))
        and (exam is null or coalesce(triage <= exam, false))
        and (exam is null or coalesce(bill <= exam, false))
        and (paid is null or coalesce(bill <= paid, false))
        and (treated is null or coalesce(cleaned >= treated, false)) as conforms
    from told
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        count(*) filter (where judged.conforms) as numerator,
        count(*) as denominator
    from judged
    inner join raw.his_t_jz as visit on judged.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
