-- answers of 9 or 10 less answers of 0 to 6 over answers, times 100, by site and month
with counted as (
    select
        org.jgbm as site,
        month_of(local_date(answer.sj, org.jgbm)) as month,
        count(*) filter (where answer.fs >= 9) - count(*) filter (where answer.fs <= 6)
            as numerator,
        count(*) as denominator
    from raw.his_t_dc as answer
    inner join raw.his_t_org as org on answer.jgid = org.jgid
    where answer.dclx = 1
    group by org.jgbm, month_of(local_date(answer.sj, org.jgbm))
)

select site, month, numerator, denominator, 100 * cast(numerator as double) / denominator as value
from counted
