-- median minutes from arrival to being seated, by site and month; waits of more than four hours are
-- lists closed later
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

waited as (
    select
        org.jgbm as site,
        month_of(local_date(booking.kssj, org.jgbm)) as month,
        (to_unixtime(booking.rzsj) - to_unixtime(booking.ddsj)) / 60 as minutes
    from raw.his_t_yy as booking
    inner join raw.his_t_org as org on booking.jgid = org.jgid
    cross join last_day
    where booking.zt in (3, 4) and local_date(booking.kssj, org.jgbm) <= last_day.day
        and (to_unixtime(booking.rzsj) - to_unixtime(booking.ddsj)) / 60 between 0 and 240
),

ranked as (
    select
        site,
        month,
        minutes,
        row_number() over (partition by site, month order by minutes) as place,
        count(*) over (partition by site, month) as size
    from waited
),

-- between the rows on both sides of the place, by how far it lies beyond the first
placed as (
    select
        site,
        month,
        max(case when place = 1 + (size - 1) * 5 / 10 then minutes end) as below,
        max(case when place = 1 + ((size - 1) * 5 + 9) / 10 then minutes end) as above,
        max((size - 1) * 5 % 10) as tenths
    from ranked
    group by site, month
)

select
    site,
    month,
    below + cast(tenths as double) * (above - below) / 10 as numerator,
    1 as denominator,
    below + cast(tenths as double) * (above - below) / 10 as value
from placed
