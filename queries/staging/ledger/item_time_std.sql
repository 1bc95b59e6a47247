-- one row per service and role it takes by standard
with standard as (
    select * from raw.ledger_item_standard
),

item as (
    select * from hub.item
)

select
    item.item_id,
    standard.item as item_code,
    standard.role,
    standard.heads,
    standard.minutes
from standard
left join item on standard.item = item.code
