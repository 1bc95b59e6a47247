-- one row per use of an entitlement
with redemption as (
    select * from raw.his_t_xh
),

entitlement as (
    select * from hub.entitlement
),

line as (
    select * from hub.charge_line
),

unit as (
    select * from hub.org_unit
),

staff as (
    select * from hub.practitioner
)

select
    'his:' || cast(redemption.xhid as text) as redemption_id,
    entitlement.person_id,
    site.site_id,
    local_date(redemption.hksj, site.site_id) as biz_date,
    month_of(local_date(redemption.hksj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(nullif(dept.business_line, 'other'), entitlement.business_line, site.business_line)
        as business_line,
    dept.org_unit_id as dept_id,
    case when staff.role = 'doctor' then staff.practitioner_id else line.doctor_id end as doctor_id,
    line.consultant_id,
    line.channel_id,
    entitlement.entitlement_id,
    entitlement.charge_line_id,
    'his:' || cast(redemption.czid as text) as procedure_id,
    entitlement.item_id,
    cast(redemption.zxrid as text) as performer_id,
    redemption.cs as times,
    to_fen(redemption.je) as value_fen,
    redemption.hksj as at,
    redemption.cxsj as undone_at,
    redemption.cxsj is null as is_valid
from redemption
left join entitlement on 'his:' || cast(redemption.qyid as text) = entitlement.entitlement_id
left join line on entitlement.charge_line_id = line.charge_line_id
left join unit as site on redemption.jgid = site.his_org_id
left join unit as dept on redemption.ksid = dept.his_org_id
left join staff on cast(redemption.zxrid as text) = staff.practitioner_id
