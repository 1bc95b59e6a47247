-- persons by site and month of their first cash, top-up or insurance payment in the group
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
)

select
    org.jgbm as site,
    month_of(customer.day) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from customer
inner join raw.his_t_org as org on customer.jgid = org.jgid
group by org.jgbm, month_of(customer.day)
