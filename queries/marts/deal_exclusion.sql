-- one row per item whose sale makes no deal, such as registration and examination
-- this file is the exclusion set: name other items or categories here
select
    item_id,
    name,
    category
from hub.item
where is_deal_excluded
