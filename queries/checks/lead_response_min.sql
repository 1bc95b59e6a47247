-- median minutes from a lead's creation to its first answer, by site and month of creation;
-- leads never answered are left out
with waited as (
    select
        "门店编码" as site,
        month_of(local_date("创建时间", "门店编码")) as month,
        (to_unixtime("首响时间") - to_unixtime("创建时间")) / 60 as minutes
    from raw.crm_lead
    where "首响时间" is not null
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
