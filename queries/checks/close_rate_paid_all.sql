-- consults of visits on whose bills enough was paid over consults, by site and month of the visit
with paid as (
    select bill.jzid, sum(to_fen(share.je)) as fen
    from raw.his_t_skfp as share
    inner join raw.his_t_sfmx as line on share.sfmxid = line.sfmxid
    inner join raw.his_t_sfd as bill on line.sfdid = bill.sfdid
    where bill.zt not in (0, 4)
    group by bill.jzid
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(visit.ddsj, org.jgbm)) as month,
        count(*) filter (where paid.fen >= setting.deal_min_fen) as numerator,
        count(*) as denominator
    from raw.his_t_zx as consult
    cross join hub.metric_setting as setting
    inner join raw.his_t_jz as visit on consult.jzid = visit.jzid
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    left join paid on visit.jzid = paid.jzid
    group by org.jgbm, month_of(local_date(visit.ddsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
