-- one row per person who has paid: what the person was worth so far, to the whole group
with paid as (
    select person_id, sum(cash_fen) as cash_fen
    from hub.payment
    where is_cash
    group by person_id
),

refunded as (
    select person_id, sum(amount_fen) as refund_fen from hub.refund group by person_id
),

earned as (
    select person_id, site_id, month, sum(amount_fen) as earned_fen
    from hub.earned_line
    where is_costed
    group by person_id, site_id, month
),

-- of what a person earned a site in a month, the part its variable cost did not take
contributed as (
    select
        earned.person_id,
        sum(earned.earned_fen) as earned_fen,
        sum(earned.earned_fen - cast(round(
            cast(earned.earned_fen as decimal(18, 0)) * month.variable_fen
            / nullif(month.earned_fen, 0)
        ) as bigint)) as contribution_fen
    from earned
    inner join hub.site_month as month
        on earned.site_id = month.site_id and earned.month = month.month
    group by earned.person_id
)

select
    purchase.person_id,
    purchase.site_id,
    purchase.biz_date,
    purchase.month,
    purchase.brand_id,
    purchase.city,
    purchase.business_line,
    purchase.channel_id,
    person.sex,
    cast(floor(date_part('year', person.birth_date) / 10) * 10 as bigint) as birth_decade,
    paid.cash_fen,
    coalesce(refunded.refund_fen, 0) as refund_fen,
    coalesce(contributed.earned_fen, 0) as earned_fen,
    coalesce(contributed.contribution_fen, 0) as contribution_fen
from hub.first_purchase as purchase
inner join paid on purchase.person_id = paid.person_id
left join hub.person as person on purchase.person_id = person.person_id
left join refunded on purchase.person_id = refunded.person_id
left join contributed on purchase.person_id = contributed.person_id
