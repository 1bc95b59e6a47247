-- filled over asked fields of records of patients and customers, by site and month of the record
-- a CRM customer belongs to the site of the first lead
with first_lead as (
    select lead."客户编号" as customer, min(lead."门店编码") as site
    from raw.crm_lead as lead
    where not exists (
        select 1
        from raw.crm_lead as earlier
        where earlier."客户编号" = lead."客户编号"
            and (
                earlier."创建时间" < lead."创建时间"
                or (
                    earlier."创建时间" = lead."创建时间"
                    and earlier."线索编号" < lead."线索编号"
                )
            )
    )
    group by lead."客户编号"
),

record as (
    select org.jgbm as site, patient.jdsj as at, patient.xm as name,
        patient.xb in (1, 2) as has_sex, patient.csrq as born, patient.lxdh as phone,
        patient.sfz as card, patient.qdid as channel
    from raw.his_t_br as patient
    left join raw.his_t_org as org on patient.jgid = org.jgid
    union all
    select first_lead.site, customer."建档时间", customer."姓名",
        customer."性别" in ('男', '女'), customer."出生日期", customer."手机",
        customer."身份证号", customer."渠道编号"
    from raw.crm_customer as customer
    left join first_lead on customer."客户编号" = first_lead.customer
),

counted as (
    select
        site,
        month_of(local_date(at)) as month,
        case when trim(coalesce(name, '')) <> '' then 1 else 0 end
        + case when coalesce(has_sex, false) then 1 else 0 end
        + case when born is not null then 1 else 0 end
        + case when regexp_like(coalesce(phone, ''), '[0-9０-９]') then 1 else 0 end
        + case when trim(coalesce(card, '')) <> '' then 1 else 0 end
        + case when channel is not null then 1 else 0 end as filled
    from record
),

summed as (
    select site, month, sum(filled) as numerator, 6 * count(*) as denominator
    from counted
    group by site, month
)

select site, month, numerator, denominator, cast(numerator as double) / denominator as value
from summed
where denominator <> 0
