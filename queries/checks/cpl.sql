-- spend over valid leads, by site and month of each; spend without a lead counts too
-- group-wide spend names no site, so no site carries it here
with part as (
    select "门店编码" as site, "日期" as day, to_fen("金额") as spend_fen, 0 as valid
    from raw.crm_spend
    union all
    select "门店编码" as site, local_date("创建时间", "门店编码") as day, 0 as spend_fen, 1 as valid
    from raw.crm_lead
    where "是否有效" = '是'
),

summed as (
    select
        site,
        month_of(day) as month,
        sum(spend_fen) as numerator,
        sum(valid) as denominator
    from part
    group by site, month_of(day)
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from summed
where denominator <> 0
