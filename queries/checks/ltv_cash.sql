-- cash less refunds to date of the persons who first paid in a month over their number, by site and
-- month of the first payment
with paid as (
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

balance as (
    select person_id, fen from paid
    union all
    select coalesce(billed.person_id, coalesce(receipt.person_id, own.person_id)), -to_fen(back.je)
    from raw.his_t_tf as back
    left join raw.his_t_sfmx as line on back.sfmxid = line.sfmxid
    left join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    left join hub.person_link as billed on 'his:' || cast(bill.brid as text) = billed.record_id
    left join paid as receipt on back.skid = receipt.skid
    left join hub.person_link as own on 'his:' || cast(back.brid as text) = own.record_id
),

worth as (
    select person_id, sum(fen) as fen from balance group by person_id
),

summed as (
    select
        org.jgbm as site,
        month_of(customer.day) as month,
        sum(coalesce(worth.fen, 0)) as numerator,
        count(*) as denominator
    from customer
    inner join raw.his_t_org as org on customer.jgid = org.jgid
    left join worth on customer.person_id = worth.person_id
    group by org.jgbm, month_of(customer.day)
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
