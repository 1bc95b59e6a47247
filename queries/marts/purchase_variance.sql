-- one row per purchase: price paid against standard, and against the purchase before
select
    buy.purchase_id,
    buy.month,
    buy.biz_date,
    buy.site_id,
    buy.brand_id,
    buy.city,
    buy.supplier,
    buy.material_id,
    buy.qty,
    buy.price_fen,
    material.std_price_fen,
    lag(buy.price_fen) over (
        partition by buy.material_id order by buy.biz_date, buy.purchase_id
    ) as last_price_fen,
    cast(round(buy.qty * material.std_price_fen) as bigint) as std_fen,
    cast(round(buy.qty * (buy.price_fen - material.std_price_fen)) as bigint) as variance_fen
from hub.purchase_line as buy
left join hub.material as material on buy.material_id = material.material_id
