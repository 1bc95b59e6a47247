-- no-shows over due appointments, by site and month of the start
-- due: start on or before the last day with data, neither proposed nor pending, and not
-- cancelled 24 hours or more before the start
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

counted as (
    select
        org.jgbm as site,
        month_of(local_date(booking.kssj, org.jgbm)) as month,
        count(*) filter (where booking.zt = 6) as numerator,
        count(*) as denominator
    from raw.his_t_yy as booking
    inner join raw.his_t_org as org on booking.jgid = org.jgid
    cross join last_day
    where local_date(booking.kssj, org.jgbm) <= last_day.day
        and booking.zt not in (0, 1)
        and not (
            booking.zt = 5
            and coalesce(booking.qxsj, booking.kssj) <= booking.kssj - interval '24 hours'
        )
    group by org.jgbm, month_of(local_date(booking.kssj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from counted
