-- one row per event of a person
with item as (
    select item_id, name from hub.item
),

event as (
    select person_id, 'lead' as kind, lead_id as id, created_at as at, site_id,
        '线索' || coalesce(' · ' || interest_item, '') as summary, cast(null as bigint) as amount_fen
    from hub.lead
    union all
    select person_id, 'touch', touch_id, at, null, case kind
        when 'view' then '浏览' when 'read' then '阅读' when 'live' then '直播'
        when 'message' then '消息' when 'call' then '电话' when 'form' then '表单'
        when 'visit' then '到访' when 'review' then '评价' else '分享' end, null
    from hub.touchpoint
    union all
    select person_id, 'appointment', appointment_id, start_at, site_id, '预约' || case status
        when 'fulfilled' then ' · 已完成' when 'arrived' then ' · 已到店'
        when 'cancelled' then ' · 已取消' when 'noshow' then ' · 爽约' else '' end, null
    from hub.appointment
    union all
    select person_id, 'visit', visit_id, arrived_at, site_id, '到店' || case visit_type
        when 'first' then ' · 初诊' when 'return' then ' · 复诊' when 'repurchase' then ' · 再消费'
        when 'recheck' then ' · 复查' else '' end, null
    from hub.visit
    union all
    select person_id, 'consult', consult_id, started_at, site_id, '咨询' || case outcome
        when 'won' then ' · 成交' when 'lost' then ' · 未成交' else '' end, nullif(deal_fen, 0)
    from hub.consult
    union all
    select person_id, 'plan', plan_id, presented_at, site_id, '治疗方案', total_fen
    from hub.treatment_plan
    union all
    select person_id, 'order', order_id, ordered_at, site_id, '开单', billed_fen
    from hub.sales_order
    where is_billed
    union all
    select person_id, 'payment', payment_id, paid_at, site_id, '收款 · ' || method, amount_fen
    from hub.payment
    union all
    select person_id, 'refund', refund_id, refunded_at, site_id, '退费', amount_fen from hub.refund
    union all
    select person_id, 'redemption', redemption_id, at, site_id,
        '划扣' || coalesce(' · ' || item.name, ''), value_fen
    from hub.redemption as redemption
    left join item on redemption.item_id = item.item_id
    where is_valid
    union all
    select person_id, 'procedure', procedure_id, started_at, site_id,
        '治疗' || coalesce(' · ' || item.name, ''), null
    from hub.procedure as act
    left join item on act.item_id = item.item_id
    union all
    select person_id, 'followup', task_id, coalesce(done_at, due_at), site_id, '回访', null
    from hub.followup_task
    union all
    select person_id, 'survey', response_id, at, site_id,
        question || ' ' || cast(score as text), null
    from hub.survey_response
    union all
    select person_id, 'complaint', complaint_id, opened_at, site_id, '投诉 · ' || category, null
    from hub.complaint
    union all
    select referred_person_id, 'referral', referral_id, at, site_id, '经人推荐', null
    from hub.referral
)

select
    event.person_id,
    event.kind || ':' || event.id as event_id,
    event.at,
    event.kind,
    event.summary,
    coalesce(event.site_id, person.home_site_id) as site_id,
    event.amount_fen
from event
inner join hub.person as person on event.person_id = person.person_id
