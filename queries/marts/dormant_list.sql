-- one row per person and business line that is dormant or churned now, with what a call needs
with spell as (
    select * from hub.dormant_spell where returned_on is null
),

worth as (
    select person_id, site_id, sum(cash_fen) as cash_fen
    from hub.payment
    group by person_id, site_id
)

select
    state.person_id || ':' || state.business_line as entry_id,
    state.person_id,
    state.business_line,
    state.site_id,
    mask_name(person.display_name) as masked_name,
    state.state,
    state.since_on,
    state.last_visit_on,
    through.data_through - state.last_visit_on as days_away,
    state.paid_days,
    coalesce(worth.cash_fen, 0) as cash_fen,
    spell.contacted_on,
    state.next_booking_on,
    coalesce(permission.is_permitted, false) as may_be_contacted,
    person.owner_consultant_id,
    person.owner_service_id,
    -- nobody has called yet, the person agreed to be called and has not booked anyway
    spell.contacted_on is null and state.next_booking_on is null
        and coalesce(permission.is_permitted, false) as is_due
from hub.lifecycle_state as state
cross join hub.data_through as through
inner join hub.person as person on state.person_id = person.person_id
inner join spell
    on state.person_id = spell.person_id and state.business_line = spell.business_line
left join worth on state.person_id = worth.person_id and state.site_id = worth.site_id
left join hub.marketing_permission as permission on state.person_id = permission.person_id
where state.state in ('dormant', 'churned')
