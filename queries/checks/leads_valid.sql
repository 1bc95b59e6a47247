-- leads marked valid by site and month of creation, straight from the CRM export
select
    "门店编码" as site,
    month_of(local_date("创建时间", "门店编码")) as month,
    count(*) as numerator,
    1 as denominator,
    cast(count(*) as double) as value
from raw.crm_lead
where "是否有效" = '是'
group by "门店编码", month_of(local_date("创建时间", "门店编码"))
