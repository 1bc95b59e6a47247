-- one row per valid redemption or immediate bill line
with item as (
    select * from hub.item
),

redeemed as (
    select redemption.*, item.item_type, item.category
    from hub.redemption as redemption
    left join item on redemption.item_id = item.item_id
    where redemption.is_valid
),

immediate as (
    select *
    from hub.charge_line
    where is_billed and not has_entitlement
        and item_type in ('service', 'goods', 'drug', 'material')
),

earned as (
    select
        redemption_id as earned_id, 'redemption' as kind, person_id, site_id, biz_date, month,
        brand_id, city, business_line, dept_id, channel_id, doctor_id, consultant_id,
        cast(null as text) as visit_type, item_id, item_type, category, value_fen as amount_fen
    from redeemed
    union all
    select
        charge_line_id || ':line', 'immediate', person_id, site_id, biz_date, month,
        brand_id, city, business_line, dept_id, channel_id, doctor_id, consultant_id,
        visit_type, item_id, item_type, category, billed_fen
    from immediate
),

costed as (
    select distinct site_id, month from hub.cost_direct
)

select
    earned.earned_id,
    earned.kind,
    earned.person_id,
    earned.site_id,
    earned.biz_date,
    earned.month,
    earned.brand_id,
    earned.city,
    earned.business_line,
    earned.dept_id,
    earned.channel_id,
    earned.doctor_id,
    earned.consultant_id,
    earned.visit_type,
    earned.item_id,
    earned.item_type,
    earned.category,
    earned.amount_fen,
    costed.month is not null as is_costed
from earned
left join costed on earned.site_id = costed.site_id and earned.month = costed.month
