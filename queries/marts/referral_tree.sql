-- one row per person brought by a customer, with the level below the first referrer
with edge as (
    select * from hub.referral_edge where status = 'counted'
),

-- somebody whose own edge closed a circle is where the tree begins
refused as (
    select referred_person_id from hub.referral_edge where status = 'circular'
),

above as (
    select
        above.*,
        min(case when refused.referred_person_id is not null then distance end)
            over (partition by person_id) as tree_ends
    from hub.referral_above as above
    left join refused on above.ancestor_id = refused.referred_person_id
),

placed as (
    select
        person_id,
        max(distance) as level,
        first_value(ancestor_id order by distance desc) as root_person_id
    from above
    where distance <= coalesce(tree_ends, distance)
    group by person_id
),

brought as (
    select referrer_person_id, count(*) as brought from edge group by referrer_person_id
),

cash as (
    select person_id, site_id, sum(cash_fen) as cash_fen
    from hub.payment
    where is_cash and person_id is not null
    group by person_id, site_id
)

select
    edge.referred_person_id as person_id,
    edge.referrer_person_id,
    placed.root_person_id,
    placed.level,
    edge.referral_id,
    referral.site_id,
    referral.brand_id,
    referral.city,
    referral.business_line,
    edge.at as referred_at,
    -- a referral counts on the day the person first came
    referral.biz_date as first_visit_on,
    referral.month,
    referral.reward_fen,
    coalesce(brought.brought, 0) as brought,
    coalesce(cash.cash_fen, 0) as cash_fen
from edge
inner join placed on edge.referred_person_id = placed.person_id
inner join hub.referral as referral on edge.referral_id = referral.referral_id
left join brought on edge.referred_person_id = brought.referrer_person_id
-- who sees one site is not told what was paid at others
left join cash
    on edge.referred_person_id = cash.person_id and referral.site_id = cash.site_id
