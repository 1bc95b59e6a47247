-- one row per refund
with refund as (
    select * from raw.his_t_tf
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

payment as (
    select * from hub.payment
),

line as (
    select * from hub.charge_line
)

select
    'his:' || cast(refund.tfid as text) as refund_id,
    coalesce(line.person_id, payment.person_id, link.person_id) as person_id,
    site.site_id,
    local_date(refund.tfsj, site.site_id) as biz_date,
    month_of(local_date(refund.tfsj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(line.business_line, payment.business_line, site.business_line) as business_line,
    coalesce(payment.channel_id, line.channel_id) as channel_id,
    coalesce(line.doctor_id, payment.doctor_id) as doctor_id,
    coalesce(line.consultant_id, payment.consultant_id) as consultant_id,
    coalesce(payment.visit_type, line.visit_type) as visit_type,
    payment.payment_id,
    line.charge_line_id,
    case
        when line.has_entitlement then 'entitlement'
        when payment.kind = 'deposit_topup' then 'balance'
        -- money that was received for no bill reopens none
        when payment.is_cash and payment.order_id is null and line.charge_line_id is null
            then 'prepayment'
        else 'order'
    end as refund_of,
    to_fen(refund.je) as amount_fen,
    refund.tfsj as refunded_at,
    refund.yy as reason,
    cast(refund.spr as text) as approved_by
from refund
left join link on 'his:' || cast(refund.brid as text) = link.record_id
left join site on refund.jgid = site.his_org_id
left join payment on 'his:' || cast(refund.skid as text) = payment.payment_id
left join line on 'his:' || cast(refund.sfmxid as text) = line.charge_line_id
