-- first visits that came by referral over first visits, by site and month
with counted as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        count(*) filter (where channel."类型" = '转介绍') as numerator,
        count(*) as denominator
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    left join raw.crm_channel as channel on visit.qdid = channel."渠道编号"
    where visit.lb = 1
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from counted
