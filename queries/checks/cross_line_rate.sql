-- persons who entered another business line within a year over persons who entered a line, by site
-- and month of the first payment in the line
with begun as (
    select jzid, first_value(ksid order by kssj, mxid) as ksid from raw.his_t_jzmx group by jzid
),

-- the line of a visit is that of the department first seen, of the site where that has none
visit_line as (
    select
        visit.jzid,
        case when dept.ywx is null or dept.ywx = 9 then site.ywx else dept.ywx end as line
    from raw.his_t_jz as visit
    inner join raw.his_t_org as site on visit.jgid = site.jgid
    left join begun on visit.jzid = begun.jzid
    left join raw.his_t_org as dept on begun.ksid = dept.jgid
),

paid as (
    select
        coalesce(billed.person_id, own.person_id) as person_id,
        org.jgbm as site,
        receipt.sksj as at,
        cast(receipt.skid as text) as id,
        coalesce(seen.line, bill_seen.line, org.ywx) as line
    from raw.his_t_sk as receipt
    inner join raw.his_t_org as org on receipt.jgid = org.jgid
    left join raw.his_t_sfd as bill on receipt.sfdid = bill.sfdid
    left join visit_line as seen on receipt.jzid = seen.jzid
    left join visit_line as bill_seen on bill.jzid = bill_seen.jzid
    left join hub.person_link as billed on 'his:' || cast(bill.brid as text) = billed.record_id
    left join hub.person_link as own on 'his:' || cast(receipt.brid as text) = own.record_id
    where receipt.lx in (1, 2, 6)
),

entered as (
    select person_id, line, min(at) as at, first_value(site order by at, id) as site,
        first_value(id order by at, id) as id
    from paid
    where person_id is not null
    group by person_id, line
),

converted as (
    select distinct entered.person_id, entered.line
    from entered
    cross join hub.metric_setting as setting
    inner join entered as other
        on entered.person_id = other.person_id and entered.line <> other.line
    where (other.at > entered.at or (other.at = entered.at and other.id > entered.id))
        and local_date(other.at) - local_date(entered.at) <= setting.cross_line_days
),

summed as (
    select
        entered.site,
        month_of(local_date(entered.at)) as month,
        count(converted.person_id) as numerator,
        count(*) as denominator
    from entered
    left join converted
        on entered.person_id = converted.person_id and entered.line = converted.line
    group by entered.site, month_of(local_date(entered.at))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
