-- one row per visit of a known person, with what went before and what was left to do
with visit as (
    select * from hub.visit where person_id is not null
),

-- uses bought, used and given back, by day and site
use_change as (
    select person_id, site_id, biz_date, times_total as times
    from hub.entitlement
    where item_type = 'service' and person_id is not null
    union all
    select used.person_id, owner.site_id, used.biz_date, -used.times
    from hub.redemption as used
    inner join hub.entitlement as owner on used.entitlement_id = owner.entitlement_id
    where used.is_valid and owner.item_type = 'service' and owner.person_id is not null
    union all
    select owner.person_id, owner.site_id, given.biz_date, -owner.times_refunded
    from hub.entitlement as owner
    inner join (
        select charge_line_id, min(biz_date) as biz_date
        from hub.refund
        where refund_of = 'entitlement'
        group by charge_line_id
    ) as given on owner.charge_line_id = given.charge_line_id
    where owner.item_type = 'service' and owner.person_id is not null
),

-- what was left at the end of each visit's day
marked as (
    select person_id, site_id, biz_date, times, cast(null as text) as visit_id from use_change
    union all
    select person_id, site_id, biz_date, 0, visit_id from visit
),

left_over as (
    select visit_id, sum(times) over (
        partition by person_id, site_id order by biz_date
        range between unbounded preceding and current row
    ) as times_left
    from marked
),

booked as (
    select distinct person_id, site_id, booked_on
    from hub.appointment
    where person_id is not null and biz_date > booked_on
),

told as (
    select *,
        count(*) over (
            partition by person_id order by biz_date
            range between interval '364 days' preceding and current row
        ) as visits_12m,
        max(biz_date) over (
            partition by person_id order by biz_date
            range between interval '1094 days' preceding and interval '365 days' preceding
        ) as seen_before,
        max(case when is_paying then biz_date end) over (
            partition by person_id order by arrived_at, visit_id
            rows between unbounded preceding and 1 preceding
        ) as paid_before
    from visit
)

select
    told.visit_id, told.person_id, told.site_id, told.biz_date, told.month, told.brand_id,
    told.city, told.business_line, told.dept_id, told.channel_id, told.doctor_id,
    told.consultant_id, told.visit_type, told.is_paying, told.visits_12m, told.paid_before,
    told.seen_before is not null or told.visits_12m >= setting.loyal_visits as is_loyal,
    told.is_paying and coalesce(told.biz_date - told.paid_before <= setting.repurchase_days, false)
        as is_repurchase,
    coalesce(left_over.times_left, 0) > 0 as needs_next,
    booked.person_id is not null as has_next
from told
cross join hub.metric_setting as setting
left join left_over on told.visit_id = left_over.visit_id
left join booked on told.person_id = booked.person_id and told.site_id = booked.site_id
    and told.biz_date = booked.booked_on
