-- one row per purchased item with uses
with entitlement as (
    select * from raw.his_t_qy
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

line as (
    select * from hub.charge_line
),

item as (
    select * from hub.item
)

select
    'his:' || cast(entitlement.qyid as text) as entitlement_id,
    link.person_id,
    site.site_id,
    site.brand_id,
    site.city,
    coalesce(nullif(item.business_line, 'other'), site.business_line) as business_line,
    line.charge_line_id,
    coalesce(line.biz_date, local_date(entitlement.xgsj, site.site_id)) as biz_date,
    month_of(coalesce(line.biz_date, local_date(entitlement.xgsj, site.site_id))) as month,
    line.channel_id,
    line.doctor_id,
    line.consultant_id,
    cast(entitlement.xmid as text) as item_id,
    item.item_type,
    item.category,
    entitlement.zcs as times_total,
    entitlement.ycs as times_used,
    entitlement.sycs as times_left,
    entitlement.tcs as times_refunded,
    to_fen(entitlement.dj) as unit_fen,
    entitlement.dqr as expires_on,
    case entitlement.zt
        when 1 then 'waiting' when 2 then 'in_course' when 3 then 'done'
        when 4 then 'refunded' when 5 then 'expired'
    end as status
from entitlement
left join link on 'his:' || cast(entitlement.brid as text) = link.record_id
left join site on entitlement.jgid = site.his_org_id
left join line on 'his:' || cast(entitlement.sfmxid as text) = line.charge_line_id
left join item on cast(entitlement.xmid as text) = item.item_id
