-- one row per material bought at once
with purchase as (
    select * from raw.ledger_purchase
),

site as (
    select * from hub.org_unit
    where level = 'site'
)

select
    'ledger:' || purchase.purchase_id as purchase_id,
    purchase.bought_on as biz_date,
    month_of(purchase.bought_on) as month,
    site.site_id,
    site.brand_id,
    site.city,
    purchase.supplier,
    purchase.material as material_id,
    purchase.quantity as qty,
    to_fen(purchase.price) as price_fen
from purchase
left join site on purchase.site = site.org_unit_id
