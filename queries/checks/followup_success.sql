-- follow-ups with a booking or a visit within 14 days after over follow-ups done, by site and month
-- they were done in; only those whose 14 days have passed
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

task as (
    select task.hfid, task.jgid, task.wcsj, link.person_id
    from raw.his_t_hf as task
    inner join raw.his_t_org as org on task.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(task.brid as text) = link.record_id
    cross join hub.metric_setting as setting
    cross join last_day
    where task.zt = 1 and task.wcsj is not null
        and last_day.day - local_date(task.wcsj, org.jgbm) >= setting.followup_days
),

sign as (
    select link.person_id, booking.djsj as at
    from raw.his_t_yy as booking
    inner join hub.person_link as link on 'his:' || cast(booking.brid as text) = link.record_id
    union all
    select link.person_id, visit.ddsj as at
    from raw.his_t_jz as visit
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

followed as (
    select distinct task.hfid
    from task
    cross join hub.metric_setting as setting
    inner join sign on task.person_id = sign.person_id and sign.at >= task.wcsj
    where to_unixtime(sign.at) - to_unixtime(task.wcsj) <= setting.followup_days * 24 * 60 * 60
),

summed as (
    select
        org.jgbm as site,
        month_of(local_date(task.wcsj, org.jgbm)) as month,
        count(followed.hfid) as numerator,
        count(*) as denominator
    from task
    inner join raw.his_t_org as org on task.jgid = org.jgid
    left join followed on task.hfid = followed.hfid
    group by org.jgbm, month_of(local_date(task.wcsj, org.jgbm))
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
