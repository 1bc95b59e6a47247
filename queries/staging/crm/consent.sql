-- one row per consent given
with consent as (
    select * from raw.crm_consent
),

link as (
    select * from hub.person_link
)

select
    'crm:' || consent."授权编号" as consent_id,
    link.person_id,
    case consent."范围"
        when '诊疗' then 'care' when '营销' then 'marketing' when '集团共享' then 'group_sharing'
        when '科研' then 'research' when '跨境' then 'cross_border'
    end as scope,
    case consent."状态" when '同意' then 'granted' when '撤回' then 'revoked' end as status,
    case consent."授权方" when '本人' then 'self' when '监护人' then 'guardian' end as given_by,
    consent."时间" as at,
    consent."撤回时间" as revoked_at
from consent
left join link on 'crm:' || consent."客户编号" = link.record_id
