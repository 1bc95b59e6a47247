-- one row per budget version, month, department and account
with budget as (
    select * from raw.ledger_budget
),

account as (
    select * from hub.account
),

dept as (
    select * from hub.org_unit
),

version as (
    select distinct period, version, rtrim(version, '0123456789') as series
    from raw.ledger_budget
),

-- 2026V10 follows 2026V9, and 2027V1 both
newest as (
    select
        period,
        last_value(version order by
            series, cast('0' || substr(version, length(series) + 1) as decimal(38, 0)), version
        ) as version
    from version
    group by period
),

costed as (
    select distinct site_id, month from hub.cost_direct
)

select
    budget.version,
    budget.period,
    budget.period as month,
    cast(budget.period || '-01' as date) as biz_date,
    budget.department as dept_id,
    dept.site_id,
    dept.brand_id,
    dept.city,
    dept.business_line,
    budget.account as account_id,
    account.cost_class,
    to_fen(budget.amount) as amount_fen,
    newest.version is not null as is_current,
    costed.month is not null as is_costed
from budget
left join account on budget.account = account.account_id
left join dept on budget.department = dept.org_unit_id
left join newest on budget.period = newest.period and budget.version = newest.version
left join costed on dept.site_id = costed.site_id and budget.period = costed.month
