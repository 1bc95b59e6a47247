-- one row per valid redemption or immediate bill line
with redemption as (
    select * from hub.redemption where is_valid
),

line as (
    select * from hub.charge_line
),

item as (
    select * from hub.item
)

select
    redemption.redemption_id as earned_id,
    'redemption' as kind,
    redemption.person_id,
    redemption.site_id,
    redemption.biz_date,
    redemption.month,
    redemption.brand_id,
    redemption.city,
    redemption.business_line,
    redemption.dept_id,
    redemption.channel_id,
    redemption.doctor_id,
    redemption.consultant_id,
    cast(null as text) as visit_type,
    redemption.item_id,
    item.item_type,
    redemption.value_fen as amount_fen
from redemption
left join item on redemption.item_id = item.item_id
union all
select
    line.charge_line_id || ':line' as earned_id,
    'immediate' as kind,
    line.person_id,
    line.site_id,
    line.biz_date,
    line.month,
    line.brand_id,
    line.city,
    line.business_line,
    line.dept_id,
    line.channel_id,
    line.doctor_id,
    line.consultant_id,
    line.visit_type,
    line.item_id,
    line.item_type,
    line.billed_fen as amount_fen
from line
where line.is_billed and not line.has_entitlement
    and line.item_type in ('service', 'goods', 'drug', 'material')
