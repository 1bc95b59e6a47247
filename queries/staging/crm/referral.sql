-- one row per referral
with referral as (
    select * from raw.crm_referral
),

link as (
    select * from hub.person_link
)

select
    'crm:' || referral."转介绍编号" as referral_id,
    case referral."推荐人类型"
        when '客户' then 'customer' when '员工' then 'employee'
        when '医生' then 'doctor' when '合作方' then 'partner'
    end as referrer_kind,
    referrer.person_id as referrer_person_id,
    cast(referral."推荐员工工号" as text) as referrer_practitioner_id,
    referred.person_id as referred_person_id,
    referral."时间" as at,
    local_date(referral."时间") as biz_date,
    month_of(local_date(referral."时间")) as month,
    to_fen(referral."奖励金额") as reward_fen,
    referral."层级" as level
from referral
left join link as referrer on 'crm:' || referral."推荐客户编号" = referrer.record_id
left join link as referred on 'crm:' || referral."被推荐客户编号" = referred.record_id
