-- one row per ledger entry of a department
with entry as (
    select * from raw.ledger_cost_entry
),

account as (
    select * from hub.account
),

dept as (
    select * from hub.org_unit
)

select
    'ledger:' || entry.entry_id as entry_id,
    entry.period,
    entry.period as month,
    cast(entry.period || '-01' as date) as biz_date,
    entry.department as dept_id,
    dept.site_id,
    entry.account as account_id,
    account.cost_class,
    to_fen(entry.amount) as amount_fen,
    entry.behaviour,
    entry.source_ref
from entry
left join account on entry.account = account.account_id
left join dept on entry.department = dept.org_unit_id
