-- one row per line of a bill
with line as (
    select * from raw.his_t_sfmx
),

bill as (
    select * from hub.sales_order
),

item as (
    select * from hub.item
),

dept as (
    select * from hub.org_unit
),

entitled as (
    select sfmxid from raw.his_t_qy group by sfmxid
)

select
    'his:' || cast(line.sfmxid as text) as charge_line_id,
    bill.order_id,
    bill.person_id,
    bill.site_id,
    coalesce(bill.biz_date, local_date(line.xgsj, bill.site_id)) as biz_date,
    month_of(coalesce(bill.biz_date, local_date(line.xgsj, bill.site_id))) as month,
    bill.brand_id,
    bill.city,
    coalesce(
        nullif(dept.business_line, 'other'), nullif(item.business_line, 'other'), bill.business_line
    ) as business_line,
    dept.org_unit_id as dept_id,
    bill.channel_id,
    bill.doctor_id,
    bill.consultant_id,
    bill.visit_type,
    bill.visit_id,
    bill.status as order_status,
    bill.origin,
    coalesce(bill.is_billed, false) as is_billed,
    item.item_id,
    item.item_type,
    item.category,
    cast(line.tcid as text) as package_id,
    cast(line.zxrid as text) as performer_id,
    line.sl as qty,
    to_fen(line.yj) as list_price_fen,
    to_fen(line.sj) as sale_price_fen,
    to_fen(line.yh) as discount_fen,
    to_fen(line.qje) as coupon_fen,
    to_fen(line.ys) as billed_fen,
    entitled.sfmxid is not null as has_entitlement
from line
left join bill on 'his:' || cast(line.sfdid as text) = bill.order_id
left join item on cast(line.xmid as text) = item.item_id
left join dept on line.ksid = dept.his_org_id
left join entitled on line.sfmxid = entitled.sfmxid
