-- one row per person, business line and time without visits that was too long
with contact as (
    select person_id, biz_date from hub.touchpoint
    where direction = 'out' and person_id is not null
    union
    select person_id, local_date(done_at, site_id) from hub.followup_task
    where status = 'done' and tool <> 'visit' and person_id is not null and done_at is not null
),

visit_day as (
    select person_id, business_line, biz_date from hub.lifecycle_day where has_visit
),

spell as (
    select
        lapse.person_id,
        lapse.business_line,
        lapse.last_on,
        lapse.dormant_on,
        lapse.churned_on,
        min(visit_day.biz_date) as returned_on
    from hub.lifecycle_lapse as lapse
    left join visit_day
        on lapse.person_id = visit_day.person_id
        and lapse.business_line = visit_day.business_line and visit_day.biz_date > lapse.last_on
    group by lapse.person_id, lapse.business_line, lapse.last_on, lapse.dormant_on, lapse.churned_on
),

contacted as (
    select
        spell.person_id, spell.business_line, spell.last_on,
        min(contact.biz_date) as contacted_on
    from spell
    inner join contact
        on spell.person_id = contact.person_id and contact.biz_date >= spell.dormant_on
        and contact.biz_date < coalesce(spell.returned_on, contact.biz_date + 1)
    group by spell.person_id, spell.business_line, spell.last_on
),

judged as (
    select
        spell.*,
        contacted.contacted_on,
        coalesce(contacted.contacted_on, spell.dormant_on) as biz_date
    from spell
    left join contacted
        on spell.person_id = contacted.person_id
        and spell.business_line = contacted.business_line and spell.last_on = contacted.last_on
)

select
    judged.person_id || ':' || judged.business_line || ':' || cast(judged.last_on as text)
        as spell_id,
    judged.person_id, judged.business_line, day.site_id, day.brand_id, day.city, day.channel_id,
    judged.last_on, judged.dormant_on, judged.churned_on, judged.contacted_on, judged.returned_on,
    judged.biz_date, month_of(judged.biz_date) as month,
    judged.contacted_on is not null as is_contacted,
    coalesce(judged.returned_on <= judged.biz_date + rule.reactivation_days, false)
        as is_reactivated,
    judged.biz_date + rule.reactivation_days <= through.data_through as is_mature,
    -- settled when these days are over: a later contact does not take the person out again
    coalesce(judged.contacted_on > judged.dormant_on + rule.reactivation_days, true)
        as is_untreated,
    coalesce(judged.returned_on <= judged.dormant_on + rule.reactivation_days, false)
        as is_back_early,
    judged.dormant_on + rule.reactivation_days <= through.data_through as is_settled
from judged
cross join hub.data_through as through
inner join hub.lifecycle_day as day
    on judged.person_id = day.person_id and judged.business_line = day.business_line
    and judged.last_on = day.biz_date
inner join hub.lifecycle_rule as rule
    on judged.business_line = rule.business_line and judged.dormant_on >= rule.effective_from
    and judged.dormant_on <= coalesce(rule.effective_to, judged.dormant_on)
