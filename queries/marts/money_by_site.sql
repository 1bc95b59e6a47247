-- one row per person, or 'unknown', and site
with part as (
    select person_id, site_id, 'billed' as part, billed_fen as fen
    from hub.sales_order
    where is_billed
    union all
    select person_id, site_id, 'cash', cash_fen from hub.payment where is_cash
    union all
    select person_id, site_id, 'credit', amount_fen
    from hub.payment
    where kind in ('points', 'coupon')
    union all
    -- what has been settled on bills, in money or stored value or credit
    select person_id, site_id, 'settled', amount_fen from hub.payment where order_id is not null
    union all
    -- money received for no bill yet; top-ups are in the stored-value account
    select person_id, site_id, 'prepaid', cash_fen
    from hub.payment
    where is_cash and order_id is null and kind <> 'deposit_topup'
    union all
    select person_id, site_id, 'prepaid', -amount_fen
    from hub.refund
    where refund_of = 'prepayment'
    union all
    select person_id, site_id, 'prepaid', delta_fen from hub.account_txn
    union all
    select person_id, site_id, 'prepaid', times_left * unit_fen from hub.entitlement
    union all
    -- billed, owed as a service, and without an entitlement row to count it down
    select person_id, site_id, 'prepaid', billed_fen
    from hub.charge_line
    where is_billed and not has_entitlement
        and coalesce(item_type, '') not in ('service', 'goods', 'drug', 'material')
    union all
    select person_id, site_id, 'earned', amount_fen from hub.earned_line
    union all
    select person_id, site_id, 'refund', amount_fen from hub.refund
    union all
    -- a refund of uses left, stored value or prepaid money lowers what is deferred; any other
    -- reopens the bill
    select person_id, site_id, 'reopened', amount_fen from hub.refund where refund_of = 'order'
),

summed as (
    select
        coalesce(person_id, 'unknown') as person_key,
        site_id,
        coalesce(sum(fen) filter (where part = 'billed'), 0) as billed_fen,
        coalesce(sum(fen) filter (where part = 'cash'), 0) as cash_fen,
        coalesce(sum(fen) filter (where part = 'credit'), 0) as credit_fen,
        coalesce(sum(fen) filter (where part = 'earned'), 0) as earned_fen,
        coalesce(sum(fen) filter (where part = 'refund'), 0) as refund_fen,
        coalesce(sum(fen) filter (where part = 'prepaid'), 0) as deferred_fen,
        coalesce(sum(fen) filter (where part = 'settled'), 0) as settled_fen,
        coalesce(sum(fen) filter (where part = 'reopened'), 0) as reopened_fen
    from part
    where site_id is not null
    group by coalesce(person_id, 'unknown'), site_id
)

select
    person_key,
    site_id,
    billed_fen,
    cash_fen,
    credit_fen,
    earned_fen,
    refund_fen,
    deferred_fen,
    billed_fen - settled_fen + reopened_fen as arrears_fen
from summed
