-- one row per person, item and day of purchase, numbered, with the days since the one before
with bought as (
    select
        person_id, item_id, biz_date, month,
        -- of several lines of a day everything is told of the first
        first_value(site_id order by charge_line_id) as site_id,
        first_value(brand_id order by charge_line_id) as brand_id,
        first_value(city order by charge_line_id) as city,
        first_value(business_line order by charge_line_id) as business_line,
        first_value(channel_id order by charge_line_id) as channel_id,
        first_value(doctor_id order by charge_line_id) as doctor_id,
        first_value(consultant_id order by charge_line_id) as consultant_id,
        sum(billed_fen) as billed_fen
    from hub.charge_line
    where is_billed and billed_fen > 0 and person_id is not null and item_id is not null
        and site_id is not null
    group by person_id, item_id, biz_date, month
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
