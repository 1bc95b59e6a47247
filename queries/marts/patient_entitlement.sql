-- one row per purchased item with uses of a person
with entitlement as (
    select * from hub.entitlement where person_id is not null
),

item as (
    select * from hub.item
)

select
    entitlement.entitlement_id,
    entitlement.person_id,
    entitlement.site_id,
    entitlement.item_id,
    coalesce(item.name, '未知项目') as item,
    entitlement.times_total,
    entitlement.times_used,
    entitlement.times_left,
    entitlement.times_left * entitlement.unit_fen as left_value_fen,
    entitlement.expires_on,
    entitlement.status
from entitlement
left join item on entitlement.item_id = item.item_id
