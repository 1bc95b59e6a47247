-- one row per person and business line paid in: the first payment there, and the next line paid in
with paid as (
    select
        *,
        row_number() over (
            partition by person_id, business_line order by paid_at, payment_id
        ) as place
    from hub.payment
    where is_cash and person_id is not null and business_line is not null
),

entered as (
    select
        *,
        lead(business_line) over (partition by person_id order by paid_at, payment_id) as next_line,
        lead(biz_date) over (partition by person_id order by paid_at, payment_id) as next_on
    from paid
    where place = 1
)

select
    entered.person_id,
    entered.business_line,
    entered.payment_id,
    entered.site_id,
    entered.biz_date,
    entered.month,
    entered.brand_id,
    entered.city,
    entered.channel_id,
    entered.next_line,
    entered.next_on,
    coalesce(entered.next_on - entered.biz_date <= setting.cross_line_days, false) as is_converted
from entered
cross join hub.metric_setting as setting
