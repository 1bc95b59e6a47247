-- scores over answers to the satisfaction question, by site and month
with summed as (
    select
        org.jgbm as site,
        month_of(local_date(answer.sj, org.jgbm)) as month,
        sum(answer.fs) as numerator,
        count(*) as denominator
    from raw.his_t_dc as answer
    inner join raw.his_t_org as org on answer.jgid = org.jgid
    where answer.dclx = 2
    group by org.jgbm, month_of(local_date(answer.sj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
