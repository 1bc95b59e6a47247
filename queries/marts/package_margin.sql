-- one row per month, site and package: what its redeemed services earned and cost
select
    month,
    cast(month || '-01' as date) as biz_date,
    site_id,
    package_id,
    sum(cases) as cases,
    sum(earned_fen) as earned_fen,
    sum(cost_fen) as cost_fen,
    sum(earned_fen) - sum(cost_fen) as margin_fen
from hub.item_use_cost
where package_id is not null
group by month, site_id, package_id
