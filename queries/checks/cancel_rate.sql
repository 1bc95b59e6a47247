-- cancelled over appointments neither proposed nor pending whose day has come, by site and month
with last_day as (
    select max(day) as day
    from (
        select max(local_date(ddsj, jgbm)) as day
        from raw.his_t_jz inner join raw.his_t_org using (jgid)
        union all
        select max(local_date(sksj, jgbm)) as day
        from raw.his_t_sk inner join raw.his_t_org using (jgid)
        union all
        select max(local_date("创建时间", "门店编码")) as day from raw.crm_lead
    ) as days
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(booking.kssj, org.jgbm)) as month,
        count(*) filter (where booking.zt = 5) as numerator,
        count(*) as denominator
    from raw.his_t_yy as booking
    inner join raw.his_t_org as org on booking.jgid = org.jgid
    cross join last_day
    where booking.zt >= 2 and local_date(booking.kssj, org.jgbm) <= last_day.day
    group by org.jgbm, month_of(local_date(booking.kssj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
