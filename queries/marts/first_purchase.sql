-- one row per person who has paid: the first payment, and when the person came back
with paid as (
    select
        *,
        row_number() over (partition by person_id order by paid_at, payment_id) as place
    from hub.payment
    where is_cash and person_id is not null
),

purchase as (
    select * from paid where place = 1
),

back as (
    select visit.person_id, min(visit.biz_date) as returned_on
    from hub.visit as visit
    inner join purchase on visit.person_id = purchase.person_id
    where visit.biz_date > purchase.biz_date
    group by visit.person_id
)

select
    purchase.person_id,
    purchase.payment_id,
    purchase.site_id,
    purchase.biz_date,
    purchase.month,
    purchase.brand_id,
    purchase.city,
    purchase.business_line,
    purchase.channel_id,
    purchase.doctor_id,
    purchase.consultant_id,
    back.returned_on,
    back.returned_on - purchase.biz_date as days_to_return,
    through.data_through - purchase.biz_date as days_known
from purchase
cross join hub.data_through as through
left join back on purchase.person_id = back.person_id
