-- leads with an appointment over leads, by the lead's site and month of creation
with booked as (
    select distinct xsid from raw.his_t_yy where xsid is not null
),

counted as (
    select
        lead."门店编码" as site,
        month_of(local_date(lead."创建时间", lead."门店编码")) as month,
        count(booked.xsid) as numerator,
        count(*) as denominator
    from raw.crm_lead as lead
    left join booked on lead."线索编号" = booked.xsid
    group by lead."门店编码", month_of(local_date(lead."创建时间", lead."门店编码"))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from counted
