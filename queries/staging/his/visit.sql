-- one row per person, site and arrival
with unit as (
    select * from hub.org_unit
),

first_encounter as (
    select jzid, first_value(ksid order by kssj, mxid) as ksid
    from raw.his_t_jzmx
    group by jzid
),

-- cash basis: cash, top-ups and insurance; balance use was cash when it was topped up
received as (
    select jzid, sum(to_fen(je)) as cash_fen
    from raw.his_t_sk
    where lx in (1, 2, 6) and jzid is not null
    group by jzid
),

costed as (
    select distinct site_id as booked_site, month as booked_month from hub.cost_direct
),

joined as (
    select
        visit.*,
        link.person_id,
        site.site_id,
        site.brand_id,
        site.city,
        coalesce(nullif(dept.business_line, 'other'), site.business_line) as business_line,
        dept.org_unit_id as dept_id,
        channel.channel_id,
        channel.kind as channel_kind,
        booked.yyid as booked_yyid,
        coalesce(received.cash_fen, 0) as cash_fen
    from raw.his_t_jz as visit
    left join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
    left join unit as site on visit.jgid = site.his_org_id
    left join first_encounter on visit.jzid = first_encounter.jzid
    left join unit as dept on first_encounter.ksid = dept.his_org_id
    left join hub.channel as channel on visit.qdid = channel.channel_id
    left join raw.his_t_yy as booked on visit.yyid = booked.yyid
    left join received on visit.jzid = received.jzid
)

select
    'his:' || cast(jzid as text) as visit_id,
    person_id,
    site_id,
    local_date(ddsj, site_id) as biz_date,
    month_of(local_date(ddsj, site_id)) as month,
    brand_id,
    city,
    business_line,
    dept_id,
    channel_id,
    cast(ysid as text) as doctor_id,
    cast(gwid as text) as consultant_id,
    channel_kind,
    case lb
        when 1 then 'first' when 2 then 'return' when 3 then 'repurchase' when 4 then 'recheck'
        else 'other'
    end as visit_type,
    ddsj as arrived_at,
    lksj as left_at,
    'his:' || cast(booked_yyid as text) as appointment_id,
    person_id is not null
        and row_number() over (partition by person_id order by ddsj, jzid) = 1 as is_first_group,
    person_id is not null and row_number()
        over (partition by person_id, brand_id order by ddsj, jzid) = 1 as is_first_brand,
    person_id is not null and row_number()
        over (partition by person_id, business_line order by ddsj, jzid) = 1 as is_first_line,
    cash_fen,
    cash_fen > 0 as is_paying,
    booked_site is not null as is_costed
from joined
left join costed on site_id = booked_site and month_of(local_date(ddsj, site_id)) = booked_month
