-- one row per sales consult
with consult as (
    select
        *,
        row_number() over (partition by jzid, jg order by kssj, zxid) as rank_of_outcome
    from raw.his_t_zx
),

visit as (
    select * from hub.visit
),

billed as (
    select visit_id, sum(billed_fen) as billed_fen
    from hub.sales_order
    where visit_id is not null
    group by visit_id
),

-- paid so far on the lines billed at a visit, with and without the items that make no deal
paid as (
    select
        line.visit_id,
        sum(share.amount_fen) as paid_fen,
        sum(share.amount_fen) filter (where excluded.item_id is null) as counted_fen
    from hub.payment_allocation as share
    inner join hub.charge_line as line on share.charge_line_id = line.charge_line_id
    left join hub.deal_exclusion as excluded on line.item_id = excluded.item_id
    where line.is_billed and line.visit_id is not null
    group by line.visit_id
)

select
    'his:' || cast(consult.zxid as text) as consult_id,
    visit.visit_id,
    visit.person_id,
    visit.site_id,
    coalesce(visit.biz_date, local_date(consult.kssj, visit.site_id)) as biz_date,
    month_of(coalesce(visit.biz_date, local_date(consult.kssj, visit.site_id))) as month,
    visit.brand_id,
    visit.city,
    visit.business_line,
    visit.channel_id,
    cast(consult.ysid as text) as doctor_id,
    cast(consult.gwid as text) as consultant_id,
    visit.channel_kind,
    visit.visit_type,
    consult.yxxm as interest_items,
    case consult.jg when 1 then 'won' when 2 then 'lost' else 'pending' end as outcome,
    consult.syyy as lost_reason,
    consult.sfek = 1 as is_upsell,
    consult.jg = 1 as is_won,
    consult.kssj as started_at,
    consult.jssj as ended_at,
    case
        when consult.jg = 1 and consult.rank_of_outcome = 1 then coalesce(billed.billed_fen, 0)
        else 0
    end as deal_fen,
    coalesce(paid.paid_fen >= setting.deal_min_fen, false) as is_paid,
    coalesce(paid.counted_fen >= setting.deal_min_fen, false) as is_deal
from consult
cross join hub.metric_setting as setting
left join visit on 'his:' || cast(consult.jzid as text) = visit.visit_id
left join billed on visit.visit_id = billed.visit_id
left join paid on visit.visit_id = paid.visit_id
