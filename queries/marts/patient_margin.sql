-- one row per person and site: earned less full cost of services less cost of winning the person
with allocated as (
    select month
    from hub.cost_run
    where is_published and status = 'allocated'
),

-- what channels cost is deducted as acquisition, so the ledger's marketing is not deducted again
part as (
    select person_id, site_id, earned_fen, cost_fen - marketing_fen as cost_fen,
        0 as acquisition_fen
    from hub.item_use_cost
    where person_id is not null
    union all
    select won.person_id, won.site_id, 0, 0, won.acquisition_fen
    from hub.acquisition_cost as won
    inner join allocated on won.month = allocated.month
)

select
    person_id,
    site_id,
    sum(earned_fen) as earned_fen,
    sum(cost_fen) as cost_fen,
    sum(acquisition_fen) as acquisition_fen,
    sum(earned_fen) - sum(cost_fen) - sum(acquisition_fen) as margin_fen
from part
group by person_id, site_id
