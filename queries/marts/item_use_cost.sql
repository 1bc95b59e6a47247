-- one row per earned line of departments and months whose item cost is known
with used as (
    select
        use.*,
        cost.marketing_fen as won_fen,
        cost.full_fen - cost.marketing_fen as made_fen,
        cast(round(use.cases * 100) as decimal(38, 0)) as units,
        cast(round(cost.cases * 100) as decimal(38, 0)) as total
    from hub.item_use as use
    inner join hub.item_cost as cost
        on use.month = cost.month and use.dept_id = cost.dept_id and use.item_id = cost.item_id
    where cost.cases > 0
),

-- rounded down, also where a line takes cases back
rested as (
    select
        *,
        (abs(won_fen) * units % total + total) % total as won_rest,
        (abs(made_fen) * units % total + total) % total as made_rest
    from used
),

shared as (
    select
        *,
        cast((abs(won_fen) * units - won_rest) / total as bigint) as won_whole,
        cast((abs(made_fen) * units - made_rest) / total as bigint) as made_whole
    from rested
),

-- Grouped instead of summed over a window: a window would hold every line in memory.
short as (
    select
        month, dept_id, item_id,
        min(abs(won_fen)) - sum(won_whole) as won_missing,
        min(abs(made_fen)) - sum(made_whole) as made_missing
    from shared
    group by month, dept_id, item_id
),

ranked as (
    select
        shared.*, short.won_missing, short.made_missing,
        row_number() over (
            partition by shared.month, shared.dept_id, shared.item_id
            order by shared.won_rest desc, shared.earned_id
        ) as won_place,
        row_number() over (
            partition by shared.month, shared.dept_id, shared.item_id
            order by shared.made_rest desc, shared.earned_id
        ) as made_place
    from shared
    inner join short
        on shared.month = short.month and shared.dept_id = short.dept_id
        and shared.item_id = short.item_id
),

taken as (
    select
        *,
        case when won_fen < 0 then -1 else 1 end * (won_whole + case when won_place <= won_missing then 1 else 0 end)
            as marketing,
        case when made_fen < 0 then -1 else 1 end * (made_whole + case when made_place <= made_missing then 1 else 0 end)
            as made
    from ranked
)

select
    earned_id, month, biz_date, person_id, site_id, brand_id, city, business_line, dept_id,
    doctor_id, item_id, package_id, cases, earned_fen,
    cast(made + marketing as bigint) as cost_fen, cast(marketing as bigint) as marketing_fen
from taken
