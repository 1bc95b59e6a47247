-- one row per examination or treatment done without an order before it (跳单)
with act as (
    select * from hub.procedure where status = 'done' and visit_id is not null
),

redeemed as (
    select distinct procedure_id from hub.redemption where procedure_id is not null
),

billed as (
    select line.charge_line_id, bill.ordered_at
    from hub.charge_line as line
    inner join hub.sales_order as bill on line.order_id = bill.order_id
),

-- the first order of the visit that came too late for it
late as (
    select act.procedure_id, min(bill.ordered_at) as ordered_at
    from act
    inner join hub.sales_order as bill on act.visit_id = bill.visit_id
    where bill.ordered_at > act.started_at
    group by act.procedure_id
)

select
    act.procedure_id,
    act.visit_id,
    act.person_id,
    act.site_id,
    act.biz_date,
    act.month,
    act.brand_id,
    act.city,
    act.business_line,
    visit.doctor_id,
    visit.consultant_id,
    act.item_id,
    act.performer_id,
    act.started_at,
    coalesce(billed.ordered_at, late.ordered_at) as ordered_at,
    cast(
        (cast(coalesce(billed.ordered_at, late.ordered_at) as bigint)
            - cast(act.started_at as bigint)) / 60000000 as bigint
    ) as gap_min
from act
inner join hub.visit as visit on act.visit_id = visit.visit_id
-- what was bought before is used without a new order
left anti join redeemed on act.procedure_id = redeemed.procedure_id
left join billed on act.charge_line_id = billed.charge_line_id
left join late on act.procedure_id = late.procedure_id
where billed.ordered_at is null or billed.ordered_at > act.started_at
