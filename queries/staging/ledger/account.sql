-- one row per ledger account
with account as (
    select * from raw.ledger_account
)

select
    account as account_id,
    name_zh as name,
    cost_class
from account
