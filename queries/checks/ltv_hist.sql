-- contribution to date of the persons who first paid in a month over their number, by site and
-- month of the first payment: earned less the same share of the site's variable cost of the month
with paid as (
    select receipt.skid, receipt.sksj, receipt.jgid,
        coalesce(billed.person_id, own.person_id) as person_id
    from raw.his_t_sk as receipt
    left join raw.his_t_sfd as bill on receipt.sfdid = bill.sfdid
    left join hub.person_link as billed on 'his:' || cast(bill.brid as text) = billed.record_id
    left join hub.person_link as own on 'his:' || cast(receipt.brid as text) = own.record_id
    where receipt.lx in (1, 2, 6)
),

customer as (
    select person_id, first_value(jgid order by sksj, cast(skid as text)) as jgid, min(sksj) as at
    from paid
    where person_id is not null
    group by person_id
),

earned as (
    select used.jgid, local_date(used.hksj, org.jgbm) as day, to_fen(used.je) as fen, own.brid
    from raw.his_t_xh as used
    inner join raw.his_t_org as org on used.jgid = org.jgid
    inner join raw.his_t_qy as own on used.qyid = own.qyid
    where used.cxsj is null
    union all
    select bill.jgid, local_date(bill.kdsj, org.jgbm) as day, to_fen(line.ys) as fen, bill.brid
    from raw.his_t_sfmx as line
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    inner join raw.his_t_org as org on bill.jgid = org.jgid
    inner join raw.his_t_xm as item on line.xmid = item.xmid
    where bill.zt not in (0, 4) and item.lx in (1, 2, 3, 4)
        and line.sfmxid not in (select sfmxid from raw.his_t_qy)
),

cost as (
    select site.jgid, entry.period,
        coalesce(sum(to_fen(entry.amount)) filter (where entry.behaviour = 'variable'), 0) as fen
    from raw.ledger_cost_entry as entry
    inner join raw.his_t_org as dept on entry.department = dept.jgbm
    inner join raw.his_t_org as site on dept.sjid = site.jgid
    group by site.jgid, entry.period
),

own as (
    select link.person_id, earned.jgid, month_of(earned.day) as month, sum(earned.fen) as fen
    from earned
    inner join hub.person_link as link on 'his:' || cast(earned.brid as text) = link.record_id
    group by link.person_id, earned.jgid, month_of(earned.day)
),

total as (
    select jgid, month_of(day) as month, sum(fen) as fen from earned group by jgid, month_of(day)
),

worth as (
    select own.person_id, sum(own.fen - cast(
        round(cast(own.fen as decimal(18, 0)) * cost.fen / nullif(total.fen, 0)) as bigint
    )) as fen
    from own
    inner join cost on own.jgid = cost.jgid and own.month = cost.period
    inner join total on own.jgid = total.jgid and own.month = total.month
    group by own.person_id
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(customer.at, org.jgbm)) as month,
        sum(coalesce(worth.fen, 0)) as numerator,
        count(*) as denominator
    from customer
    inner join raw.his_t_org as org on customer.jgid = org.jgid
    left join worth on customer.person_id = worth.person_id
    group by org.jgbm, month_of(local_date(customer.at, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
