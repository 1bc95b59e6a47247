-- one row per earned line: how often its item was performed or sold
with line as (
    select * from hub.charge_line
),

redeemed as (
    select
        use.redemption_id as earned_id,
        cast(use.times as decimal(10, 2)) as cases,
        line.package_id
    from hub.redemption as use
    left join line on use.charge_line_id = line.charge_line_id
    where use.is_valid
),

used as (
    select * from redeemed
    union all
    select charge_line_id || ':line', qty, package_id
    from line
    where is_billed and not has_entitlement
)

select
    earned.earned_id,
    earned.month,
    earned.biz_date,
    earned.person_id,
    earned.site_id,
    earned.brand_id,
    earned.city,
    earned.business_line,
    earned.dept_id,
    earned.doctor_id,
    earned.item_id,
    earned.item_type,
    used.package_id,
    used.cases,
    earned.amount_fen as earned_fen
from hub.earned_line as earned
inner join used on earned.earned_id = used.earned_id
