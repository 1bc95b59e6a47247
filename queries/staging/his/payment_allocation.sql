-- one row per receipt and bill line
with allocation as (
    select * from raw.his_t_skfp
),

payment as (
    select * from hub.payment
)

select
    'his:' || cast(allocation.skid as text) as payment_id,
    'his:' || cast(allocation.sfmxid as text) as charge_line_id,
    payment.site_id,
    payment.biz_date,
    coalesce(payment.month, month_of(local_date(allocation.xgsj))) as month,
    to_fen(allocation.je) as amount_fen
from allocation
left join payment on 'his:' || cast(allocation.skid as text) = payment.payment_id
