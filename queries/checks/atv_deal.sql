-- billed on visits with a won consult over won consults, by site and month of the visit
with won as (
    select jzid, count(*) as consults
    from raw.his_t_zx
    where jg = 1
    group by jzid
),

billed as (
    select bill.jzid, sum(to_fen(line.ys)) as fen
    from raw.his_t_sfd as bill
    inner join raw.his_t_sfmx as line on bill.sfdid = line.sfdid
    where bill.zt not in (0, 4) and bill.jzid is not null
    group by bill.jzid
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        sum(coalesce(billed.fen, 0)) as numerator,
        sum(won.consults) as denominator
    from won
    inner join raw.his_t_jz as visit on won.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    left join billed on won.jzid = billed.jzid
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
