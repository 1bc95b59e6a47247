-- persons a doctor referred who first came in a month over the doctor's distinct customers of the
-- month before, by doctor and month
-- a referral belongs to a doctor and to no site, and distinct persons do not add up over doctors:
-- there is one row per doctor, named in column `doctor`; site is that of the doctor's department
with visit as (
    select
        visit.ysid,
        link.person_id,
        date_trunc('month', local_date(visit.ddsj, org.jgbm)) as month_start
    from raw.his_t_jz as visit
    inner join raw.his_t_org as org on visit.jgid = org.jgid
    inner join hub.person_link as link on 'his:' || cast(visit.brid as text) = link.record_id
),

first_visit as (
    select person_id, min(month_start) as month_start
    from visit
    group by person_id
),

last_month as (
    select max(month_start) as month_start from visit
),

referred as (
    select
        referral."推荐员工工号" as ryid,
        first_visit.month_start,
        count(distinct first_visit.person_id) as persons
    from raw.crm_referral as referral
    inner join hub.person_link as link on 'crm:' || referral."被推荐客户编号" = link.record_id
    inner join first_visit on link.person_id = first_visit.person_id
    where referral."推荐人类型" = '医生'
    group by referral."推荐员工工号", first_visit.month_start
),

-- a month's customers stand below the next month's referrals
customers as (
    select
        ysid as ryid,
        month_start + interval '1 month' as month_start,
        count(distinct person_id) as persons
    from visit
    where ysid is not null
    group by ysid, month_start
)

select
    site.jgbm as site,
    month_of(cast(customers.month_start as date)) as month,
    cast(customers.ryid as text) as doctor,
    coalesce(referred.persons, 0) as numerator,
    customers.persons as denominator,
    cast(coalesce(referred.persons, 0) as double) / customers.persons as value
from customers
cross join last_month
left join referred
    on customers.ryid = referred.ryid and customers.month_start = referred.month_start
left join raw.his_t_ry as staff on customers.ryid = staff.ryid
left join raw.his_t_org as dept on staff.ksid = dept.jgid
left join raw.his_t_org as site on dept.sjid = site.jgid
where customers.month_start <= last_month.month_start
