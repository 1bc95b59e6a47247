-- leads marked valid over leads, by site and month of creation
with counted as (
    select
        "门店编码" as site,
        month_of(local_date("创建时间", "门店编码")) as month,
        count(*) filter (where "是否有效" = '是') as numerator,
        count(*) as denominator
    from raw.crm_lead
    group by "门店编码", month_of(local_date("创建时间", "门店编码"))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from counted
