-- one row per referral by a customer, and whether it is an edge of the referral tree
with referral as (
    select
        *,
        row_number() over (
            partition by referred_person_id, coalesce(referrer_person_id <> referred_person_id, false)
            order by at, referral_id
        ) as nth
    from hub.referral
    where referrer_kind = 'customer' and referred_person_id is not null
),

naming as (
    select * from referral where nth = 1 and referrer_person_id <> referred_person_id
),

circle as (
    select person_id from hub.referral_above where person_id = ancestor_id
),

-- of the edges of a circle, the latest closes it and is refused
closing as (
    select own.referred_person_id
    from circle
    inner join naming as own on circle.person_id = own.referred_person_id
    inner join hub.referral_above as above on circle.person_id = above.person_id
    inner join naming as other on above.ancestor_id = other.referred_person_id
    group by own.referred_person_id, own.at, own.referral_id
    having bool_and(
        other.at < own.at or (other.at = own.at and other.referral_id <= own.referral_id)
    )
)

select
    referral.referral_id,
    referral.referrer_person_id,
    referral.referred_person_id,
    referral.site_id,
    referral.at,
    case
        when referral.referrer_person_id is null then 'unknown'
        when referral.referrer_person_id = referral.referred_person_id then 'self'
        when referral.nth > 1 then 'repeated'
        when closing.referred_person_id is not null then 'circular'
        else 'counted'
    end as status
from referral
left join closing on referral.referred_person_id = closing.referred_person_id
