-- one row per person who was ever asked whether we may write or call to sell
with said as (
    select person_id, at, given_by, true as is_granted from hub.consent where scope = 'marketing'
    union all
    select person_id, coalesce(revoked_at, at), given_by, false
    from hub.consent
    where scope = 'marketing' and status = 'revoked'
),

-- the last word counts; of two at one time the refusal
last_word as (
    select
        person_id,
        max(at) as at,
        first_value(is_granted order by at desc, is_granted) as is_granted,
        first_value(given_by order by at desc, is_granted) as given_by
    from said
    where person_id is not null
    group by person_id
)

select
    word.person_id,
    word.at,
    word.given_by,
    -- for a child only a guardian can agree
    word.is_granted and (not person.is_minor_u14 or word.given_by = 'guardian') as is_permitted
from last_word as word
inner join hub.person as person on word.person_id = person.person_id
