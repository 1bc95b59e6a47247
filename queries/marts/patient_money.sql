-- one row per person and site
select
    person_key as person_id,
    site_id,
    billed_fen,
    cash_fen,
    earned_fen,
    refund_fen,
    deferred_fen,
    arrears_fen
from hub.money_by_site
where person_key <> 'unknown'
