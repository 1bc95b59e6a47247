-- one row per referral
with referral as (
    select * from raw.crm_referral
),

link as (
    select * from hub.person_link
),

customer as (
    select * from hub.customer_record
),

-- a referral counts on the day the referred person first came to the group
first_visit as (
    select * from hub.visit where is_first_group
),

unit as (
    select * from hub.org_unit
),

joined as (
    select
        referral.*,
        referrer.person_id as referrer_person_id,
        referred.person_id as referred_person_id,
        first_visit.visit_id as first_visit_id,
        first_visit.biz_date,
        first_visit.month,
        coalesce(first_visit.site_id, customer.site_id) as site_id,
        first_visit.business_line as visited_line,
        customer.channel_id
    from referral
    left join link as referrer on 'crm:' || referral."推荐客户编号" = referrer.record_id
    left join link as referred on 'crm:' || referral."被推荐客户编号" = referred.record_id
    left join customer on 'crm:' || referral."被推荐客户编号" = customer.record_id
    left join first_visit on referred.person_id = first_visit.person_id
)

select
    'crm:' || joined."转介绍编号" as referral_id,
    case joined."推荐人类型"
        when '客户' then 'customer' when '员工' then 'employee'
        when '医生' then 'doctor' when '合作方' then 'partner'
    end as referrer_kind,
    joined.referrer_person_id,
    cast(joined."推荐员工工号" as text) as referrer_practitioner_id,
    case when joined."推荐人类型" = '医生' then cast(joined."推荐员工工号" as text) end as doctor_id,
    joined.referred_person_id,
    joined.first_visit_id,
    joined.site_id,
    unit.brand_id,
    unit.city,
    coalesce(joined.visited_line, unit.business_line) as business_line,
    joined.channel_id,
    joined."时间" as at,
    joined.biz_date,
    joined.month,
    local_date(joined."时间", joined.site_id) as referred_on,
    to_fen(joined."奖励金额") as reward_fen,
    joined."层级" as level
from joined
left join unit on joined.site_id = unit.org_unit_id
