-- one row per site and month whose costs are booked: what was earned and what it cost
with cost as (
    select
        site_id,
        month,
        sum(amount_fen) as cost_fen,
        sum(variable_fen) as variable_fen
    from hub.cost_direct
    where site_id is not null
    group by site_id, month
),

earned as (
    select site_id, month, sum(amount_fen) as earned_fen
    from hub.earned_line
    group by site_id, month
)

select
    cost.site_id,
    cost.month,
    cast(cost.month || '-01' as date) as biz_date,
    coalesce(earned.earned_fen, 0) as earned_fen,
    cost.cost_fen,
    cost.variable_fen
from cost
left join earned on cost.site_id = earned.site_id and cost.month = earned.month
