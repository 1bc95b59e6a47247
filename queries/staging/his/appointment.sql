-- one row per appointment
with appointment as (
    select * from raw.his_t_yy
),

through as (
    select data_through from hub.data_through
),

joined as (
    select
        appointment.*,
        link.person_id,
        site.site_id,
        site.brand_id,
        site.city,
        coalesce(nullif(dept.business_line, 'other'), site.business_line) as business_line,
        dept.org_unit_id as dept_id,
        coalesce(lead.channel_id, patient.channel_id) as channel_id,
        lead.lead_id,
        local_date(appointment.kssj, site.site_id) as biz_date,
        case appointment.zt
            when 0 then 'proposed' when 1 then 'pending' when 2 then 'booked' when 3 then 'arrived'
            when 4 then 'fulfilled' when 5 then 'cancelled' when 6 then 'noshow'
        end as status,
        appointment.zt = 5 and coalesce(appointment.qxsj, appointment.kssj)
            > appointment.kssj - interval '24 hours' as is_late_cancel,
        through.data_through
    from appointment
    cross join through
    left join hub.person_link as link on 'his:' || cast(appointment.brid as text) = link.record_id
    left join hub.org_unit as site on appointment.jgid = site.his_org_id
    left join hub.org_unit as dept on appointment.ksid = dept.his_org_id
    left join hub.lead as lead on 'crm:' || appointment.xsid = lead.lead_id
    left join hub.patient_record as patient
        on 'his:' || cast(appointment.brid as text) = patient.record_id
),

judged as (
    select
        *,
        biz_date <= data_through and status not in ('proposed', 'pending') as has_come,
        biz_date <= data_through and status not in ('proposed', 'pending')
            and (status <> 'cancelled' or is_late_cancel) as is_due
    from joined
)

select
    'his:' || cast(yyid as text) as appointment_id,
    person_id,
    site_id,
    biz_date,
    month_of(biz_date) as month,
    brand_id, city, business_line, dept_id, channel_id,
    cast(ysid as text) as doctor_id,
    cast(gwid as text) as consultant_id,
    case lx when 1 then 'consult' when 2 then 'treatment' when 3 then 'surgery' else 'recheck' end
        as type,
    status,
    djsj as booked_at,
    local_date(djsj, site_id) as booked_on,
    kssj as start_at,
    jssj as end_at,
    ddsj as arrived_at,
    rzsj as seated_at,
    wcsj as done_at,
    qxsj as cancelled_at,
    qxyy as cancel_reason,
    lead_id as source_lead_id,
    'his:' || cast(gqid as text) as rescheduled_from,
    (to_unixtime(rzsj) - to_unixtime(ddsj)) / 60 as wait_min,
    is_late_cancel,
    has_come,
    is_due,
    is_due and status in ('arrived', 'fulfilled') as is_shown,
    is_due and status = 'noshow' as is_noshow
from judged
