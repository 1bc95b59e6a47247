-- purchase price variance over purchases at standard price, by site and month bought
with bought as (
    select
        buy.site,
        month_of(buy.bought_on) as month,
        sum(buy.quantity * (to_fen(buy.price) - to_fen(material.price))) as numerator,
        sum(buy.quantity * to_fen(material.price)) as denominator
    from raw.ledger_purchase as buy
    inner join raw.ledger_material as material on buy.material = material.material
    group by buy.site, month_of(buy.bought_on)
)

select
    site,
    month,
    numerator,
    denominator,
    cast(numerator as double) / denominator as value
from bought
where denominator <> 0
