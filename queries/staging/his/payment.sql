-- one row per receipt
with payment as (
    select *, lx in (1, 2, 6) as is_cash from raw.his_t_sk
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

visit as (
    select * from hub.visit
),

bill as (
    select * from hub.sales_order
),

patient as (
    select * from hub.patient_record
)

select
    'his:' || cast(payment.skid as text) as payment_id,
    coalesce(bill.person_id, link.person_id) as person_id,
    site.site_id,
    local_date(payment.sksj, site.site_id) as biz_date,
    month_of(local_date(payment.sksj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(visit.business_line, bill.business_line, site.business_line) as business_line,
    coalesce(visit.channel_id, bill.channel_id, patient.channel_id) as channel_id,
    coalesce(bill.doctor_id, visit.doctor_id) as doctor_id,
    coalesce(bill.consultant_id, visit.consultant_id) as consultant_id,
    coalesce(visit.visit_type, bill.visit_type) as visit_type,
    visit.visit_id,
    bill.order_id,
    payment.sksj as paid_at,
    payment.fs as method,
    case payment.lx
        when 1 then 'cash' when 2 then 'deposit_topup' when 3 then 'balance_use'
        when 4 then 'points' when 5 then 'coupon' when 6 then 'insurance'
    end as kind,
    payment.wbdh as external_ref,
    to_fen(payment.je) as amount_fen,
    payment.is_cash,
    case when payment.is_cash then to_fen(payment.je) else 0 end as cash_fen
from payment
left join link on 'his:' || cast(payment.brid as text) = link.record_id
left join site on payment.jgid = site.his_org_id
left join visit on 'his:' || cast(payment.jzid as text) = visit.visit_id
left join bill on 'his:' || cast(payment.sfdid as text) = bill.order_id
left join patient on 'his:' || cast(payment.brid as text) = patient.record_id
