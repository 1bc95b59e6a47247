-- one row per service and material it takes by standard
with standard as (
    select * from raw.ledger_item_material
),

item as (
    select * from hub.item
)

select
    item.item_id,
    standard.item as item_code,
    standard.material as material_id,
    standard.quantity as qty
from standard
left join item on standard.item = item.code
