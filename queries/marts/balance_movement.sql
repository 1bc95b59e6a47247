-- one row per change of what patients owe or have paid ahead
with entitlement as (
    select * from hub.entitlement
),

moved as (
    select 'arrears' as stock, 'billed' as kind, order_id as source_id, person_id, site_id,
        business_line, consultant_id, biz_date, billed_fen as delta_fen
    from hub.sales_order
    where is_billed
    union all
    select 'arrears', 'settled', payment_id, person_id, site_id, business_line, consultant_id,
        biz_date, -amount_fen
    from hub.payment
    where order_id is not null
    union all
    -- a refund of uses left, stored value or prepaid money lowers what is deferred; any other
    -- reopens the bill
    select 'arrears', 'reopened', refund_id, person_id, site_id, business_line, consultant_id,
        biz_date, amount_fen
    from hub.refund
    where refund_of = 'order'
    union all
    select 'deferred', 'granted', entitlement_id, person_id, site_id, business_line, consultant_id,
        biz_date, times_total * unit_fen
    from entitlement
    union all
    -- used where it was bought, wherever it was redeemed
    select 'deferred', 'used', used.redemption_id, used.person_id, entitlement.site_id,
        entitlement.business_line, entitlement.consultant_id, used.biz_date, -used.value_fen
    from hub.redemption as used
    inner join entitlement on used.entitlement_id = entitlement.entitlement_id
    where used.is_valid
    union all
    select 'deferred', 'returned', refund_id, person_id, site_id, business_line, consultant_id,
        biz_date, -amount_fen
    from hub.refund
    where refund_of in ('entitlement', 'prepayment')
    union all
    select 'deferred', 'account', txn_id, person_id, site_id, null, null, biz_date, delta_fen
    from hub.account_txn
    union all
    -- money received for no bill yet; top-ups are in the stored-value account
    select 'deferred', 'prepaid', payment_id, person_id, site_id, business_line, consultant_id,
        biz_date, cash_fen
    from hub.payment
    where is_cash and order_id is null and kind <> 'deposit_topup'
    union all
    -- billed, owed as a service, and without an entitlement row to count it down
    select 'deferred', 'unallotted', charge_line_id, person_id, site_id, business_line,
        consultant_id, biz_date, billed_fen
    from hub.charge_line
    where is_billed and not has_entitlement
        and coalesce(item_type, '') not in ('service', 'goods', 'drug', 'material')
)

select
    moved.kind || ':' || moved.source_id as movement_id,
    moved.stock,
    moved.kind,
    moved.person_id,
    moved.site_id,
    moved.biz_date,
    month_of(moved.biz_date) as month,
    site.brand_id,
    site.city,
    coalesce(moved.business_line, site.business_line) as business_line,
    moved.consultant_id,
    moved.delta_fen
from moved
left join hub.org_unit as site on moved.site_id = site.org_unit_id
where moved.delta_fen <> 0
