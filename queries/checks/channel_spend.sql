-- spend of campaigns, rebates and staff included, in fen, by site and month
-- group-wide spend names no site and keeps a row of its own, with an empty site
with spent as (
    select
        "门店编码" as site,
        month_of("日期") as month,
        sum(to_fen("金额")) as numerator
    from raw.crm_spend
    group by "门店编码", month_of("日期")
)

select
    site,
    month,
    numerator,
    1 as denominator,
    cast(numerator as double) as value
from spent
