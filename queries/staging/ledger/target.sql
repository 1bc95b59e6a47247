-- one row per metric, month and org unit; finance plans money in yuan
with target as (
    select * from raw.ledger_target
),

unit as (
    select * from hub.org_unit
)

select
    target.metric,
    target.period,
    target.period as month,
    cast(target.period || '-01' as date) as biz_date,
    target.org_code as org_unit_id,
    unit.level,
    unit.site_id,
    unit.brand_id,
    unit.city,
    unit.business_line,
    cast(
        case
            when target.metric like 'revenue\_%' or target.metric like 'atv\_%'
                or target.metric like 'cost\_%' or target.metric like 'profit\_%'
                then target.value * 100
            else target.value
        end as decimal(18, 4)
    ) as value
from target
left join unit on target.org_code = unit.org_unit_id
