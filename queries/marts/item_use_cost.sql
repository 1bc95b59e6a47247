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

-- Grouped instead of summed over a window: a window would hold every line in memory.
short as (
    select month, dept_id, item_id, min(abs(full_fen)) - sum(whole) as missing
    from shared
    group by month, dept_id, item_id
),

ranked as (
    select
        shared.*,
        short.missing,
        row_number() over (
            partition by shared.month, shared.dept_id, shared.item_id
            order by shared.rest desc, shared.earned_id
        ) as place
    from shared
    inner join short
        on shared.month = short.month and shared.dept_id = short.dept_id
        and shared.item_id = short.item_id
)

select
    earned_id, month, biz_date, person_id, site_id, brand_id, city, business_line, dept_id,
    doctor_id, item_id, package_id, cases, earned_fen,
    case when full_fen < 0 then -1 else 1 end
    * (whole + case when place <= missing then 1 else 0 end) as cost_fen
from ranked
