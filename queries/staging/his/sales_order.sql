-- one row per bill
with bill as (
    select * from raw.his_t_sfd
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

visit as (
    select * from hub.visit
),

patient as (
    select * from hub.patient_record
),

lines as (
    select sfdid, sum(to_fen(ys)) as billed_fen
    from raw.his_t_sfmx
    group by sfdid
)

select
    'his:' || cast(bill.sfdid as text) as order_id,
    link.person_id,
    site.site_id,
    local_date(bill.kdsj, site.site_id) as biz_date,
    month_of(local_date(bill.kdsj, site.site_id)) as month,
    site.brand_id,
    site.city,
    coalesce(visit.business_line, site.business_line) as business_line,
    coalesce(visit.channel_id, patient.channel_id) as channel_id,
    coalesce(cast(bill.ysid as text), visit.doctor_id) as doctor_id,
    coalesce(cast(bill.gwid as text), visit.consultant_id) as consultant_id,
    visit.visit_type,
    visit.visit_id,
    bill.kdsj as ordered_at,
    case bill.zt
        when 0 then 'draft' when 1 then 'billed' when 2 then 'partly_paid' when 3 then 'paid'
        when 4 then 'void' when 5 then 'refunded'
    end as status,
    case bill.ly
        when 1 then 'first' when 2 then 'return' when 3 then 'repurchase' when 4 then 'upsell'
        when 5 then 'retail' when 6 then 'recharge'
    end as origin,
    bill.zt not in (0, 4) as is_billed,
    case when bill.zt in (0, 4) then 0 else coalesce(lines.billed_fen, 0) end as billed_fen
from bill
left join link on 'his:' || cast(bill.brid as text) = link.record_id
left join site on bill.jgid = site.his_org_id
left join visit on 'his:' || cast(bill.jzid as text) = visit.visit_id
left join patient on 'his:' || cast(bill.brid as text) = patient.record_id
left join lines on bill.sfdid = lines.sfdid
