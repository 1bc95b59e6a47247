-- purchases at the price paid less at standard price, in fen, by site and month bought
select
    buy.site,
    month_of(buy.bought_on) as month,
    sum(buy.quantity * (to_fen(buy.price) - to_fen(material.price))) as numerator,
    1 as denominator,
    cast(sum(buy.quantity * (to_fen(buy.price) - to_fen(material.price))) as double) as value
from raw.ledger_purchase as buy
inner join raw.ledger_material as material on buy.material = material.material
group by buy.site, month_of(buy.bought_on)
