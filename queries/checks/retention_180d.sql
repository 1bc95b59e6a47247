-- new customers seen again within 180 days over those whose 180 days are over, by site and month of
-- the first payment
with last_day as (
    select max(day) as day
    from (
        select max(local_date(ddsj, jgbm)) as day
        from raw.his_t_jz inner join raw.his_t_org using (jgid)
        union all
        select max(local_date(sksj, jgbm)) as day
        from raw.his_t_sk inner join raw.his_t_org using (jgid)
        union all
        select max(local_date("创建时间", "门店编码")) as day from raw.crm_lead
    ) as days
),

paid as (
    select receipt.skid, receipt.sksj, receipt.jgid, to_fen(receipt.je) as fen,
        coalesce(billed.person_id, own.person_id) as person_id
    from raw.his_t_sk as receipt
    left join raw.his_t_sfd as bill on receipt.sfdid = bill.sfdid
    left join hub.person_link as billed on 'his:' || cast(bill.brid as text) = billed.record_id
    left join hub.person_link as own on 'his:' || cast(receipt.brid as text) = own.record_id
    where receipt.lx in (1, 2, 6)
),

customer as (
    select paid.person_id, paid.jgid, local_date(paid.sksj, org.jgbm) as day
    from paid
    inner join raw.his_t_org as org on paid.jgid = org.jgid
    where paid.person_id is not null and not exists (
        select 1
        from paid as earlier
        where earlier.person_id = paid.person_id
            and (
                earlier.sksj < paid.sksj
                or (
                    earlier.sksj = paid.sksj
                    and cast(earlier.skid as text) < cast(paid.skid as text)
                )
            )
    )
),

arrival as (
    select distinct link.person_id, local_date(visit.ddsj, org.jgbm) as day
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

back as (
    select distinct customer.person_id
    from customer
    inner join arrival on customer.person_id = arrival.person_id
    where arrival.day > customer.day and arrival.day <= customer.day + 180
),

summed as (
    select
        org.jgbm as site,
        month_of(customer.day) as month,
        count(back.person_id) as numerator,
        count(*) as denominator
    from customer
    cross join last_day
    inner join raw.his_t_org as org on customer.jgid = org.jgid
    left join back on customer.person_id = back.person_id
    where customer.day + 180 <= last_day.day
    group by org.jgbm, month_of(customer.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
