-- one row per examination or treatment of a visit that asks for an order, and whether it had one
with first_order as (
    select visit_id, min(ordered_at) as ordered_at
    from hub.sales_order
    where visit_id is not null
    group by visit_id
),

act as (
    select act.*, coalesce(bill.ordered_at, first_order.ordered_at) as ordered_at
    from hub.procedure as act
    left join hub.charge_line as line on act.charge_line_id = line.charge_line_id
    left join hub.sales_order as bill on line.order_id = bill.order_id
    left join first_order on act.visit_id = first_order.visit_id
    -- what was bought before is used without a new order
    left anti join hub.redemption as redemption on act.procedure_id = redemption.procedure_id
    where act.status = 'done'
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
    act.dept_id,
    visit.channel_id,
    visit.doctor_id,
    visit.consultant_id,
    visit.visit_type,
    act.item_id,
    act.performer_id,
    act.started_at,
    act.ordered_at,
    coalesce(act.ordered_at > act.started_at, true) as is_skipped
from act
inner join hub.visit as visit on act.visit_id = visit.visit_id
