-- one row per person who ever paid: how lately, how often and how much, in fifths of all who did
with through as (
    select data_through from hub.data_through
),

paid as (
    select
        person_id,
        max(biz_date) as last_paid_on,
        count(distinct case when biz_date > data_through - 365 then biz_date end) as paid_days,
        coalesce(sum(case when biz_date > data_through - 365 then cash_fen end), 0) as cash_fen
    from hub.payment
    cross join through
    where person_id is not null and is_cash and cash_fen > 0 and biz_date <= data_through
    group by person_id
),

-- equal values get equal scores, so fifths are as even as ties let them be
scored as (
    select
        person_id,
        last_paid_on,
        least(5, 1 + cast(floor(5 * percent_rank() over (order by last_paid_on)) as bigint))
            as recency,
        least(5, 1 + cast(floor(5 * percent_rank() over (order by paid_days)) as bigint))
            as frequency,
        least(5, 1 + cast(floor(5 * percent_rank() over (order by cash_fen)) as bigint))
            as monetary
    from paid
)

select
    person_id,
    last_paid_on,
    recency,
    frequency,
    monetary,
    cast(recency as text) || cast(frequency as text) || cast(monetary as text) as score,
    case when monetary > 3 then 'important_' else 'general_' end || case
        when recency > 3 and frequency > 3 then 'value'
        when recency > 3 then 'develop'
        when frequency > 3 then 'keep'
        else 'win_back'
    end as rfm_group
from scored
