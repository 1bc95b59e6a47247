-- one row per person, item and day of purchase, numbered, with the days since the one before
with bought as (
    select
        person_id, item_id, biz_date, min(month) as month, min(site_id) as site_id,
        min(brand_id) as brand_id, min(city) as city, min(business_line) as business_line,
        min(channel_id) as channel_id, min(doctor_id) as doctor_id,
        min(consultant_id) as consultant_id, sum(billed_fen) as billed_fen
    from hub.charge_line
    where is_billed and billed_fen > 0 and person_id is not null and item_id is not null
        and site_id is not null
    group by person_id, item_id, biz_date
),

item as (
    select * from hub.item where not is_deal_excluded
)

select
    bought.*,
    item.name as item,
    item.category,
    cast(row_number() over earlier as bigint) as nth,
    cast(
        cast(bought.biz_date as int) - lag(cast(bought.biz_date as int)) over earlier as bigint
    ) as days_since,
    bought.person_id || ':' || bought.item_id as person_item
from bought
inner join item on bought.item_id = item.item_id
window earlier as (partition by bought.person_id, bought.item_id order by bought.biz_date)
