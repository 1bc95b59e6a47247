-- one row per customer, tag and start
with tag as (
    select * from raw.crm_tag
),

link as (
    select * from hub.person_link
)

select
    'crm:' || tag."客户编号" || ':' || tag."标签" || ':'
        || cast(to_unixtime(tag."开始时间") as text) as tag_id,
    link.person_id,
    tag."标签" as tag,
    tag."取值" as value,
    case tag."来源" when '规则' then 'rule' when '人工' then 'manual' when '导入' then 'import' end
        as source,
    tag."开始时间" as from_at,
    tag."结束时间" as to_at,
    tag."结束时间" is null as is_current
from tag
left join link on 'crm:' || tag."客户编号" = link.record_id
