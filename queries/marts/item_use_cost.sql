-- one row per earned line of departments and months whose item cost is known
with used as (
    select
        use.*,
        cost.full_fen,
        cast(round(use.cases * 100) as decimal(38, 0)) as units,
        cast(round(cost.cases * 100) as decimal(38, 0)) as total
    from hub.item_use as use
    inner join hub.item_cost as cost
        on use.month = cost.month and use.dept_id = cost.dept_id and use.item_id = cost.item_id
    where cost.cases > 0
),

shared as (
    select
        *,
        abs(full_fen) * units % total as rest,
        cast(
            (abs(full_fen) * units - abs(full_fen) * units % total) / total as bigint
        ) as whole
    from used
),

ranked as (
    select
        *,
        row_number() over (
            partition by month, dept_id, item_id order by rest desc, earned_id
        ) as place,
        abs(full_fen) - sum(whole) over (partition by month, dept_id, item_id) as missing
    from shared
)

select
    earned_id, month, biz_date, person_id, site_id, brand_id, city, business_line, dept_id,
    doctor_id, item_id, package_id, cases, earned_fen,
    case when full_fen < 0 then -1 else 1 end
    * (whole + case when place <= missing then 1 else 0 end) as cost_fen
from ranked
