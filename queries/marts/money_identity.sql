-- one row per person, or 'unknown'
select
    person_key,
    sum(cash_fen) as cash_fen,
    sum(credit_fen) as credit_fen,
    sum(refund_fen) as refund_fen,
    sum(earned_fen) as earned_fen,
    sum(deferred_fen) as deferred_fen,
    sum(arrears_fen) as arrears_fen
from hub.money_by_site
group by person_key
