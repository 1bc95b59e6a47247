-- one row per earned line of departments and months whose item cost is known
with cost as (
    select month, dept_id, item_id, cases, 'marketing' as part, marketing_fen as fen
    from hub.item_cost
    where cases > 0
    union all
    select month, dept_id, item_id, cases, 'other', full_fen - marketing_fen
    from hub.item_cost
    where cases > 0
),

used as (
    select
        use.earned_id, use.month, use.dept_id, use.item_id, cost.part, cost.fen,
        cast(abs(cost.fen) * round(use.cases * 100) as decimal(38, 0)) as units,
        cast(round(cost.cases * 100) as decimal(38, 0)) as total
    from hub.item_use as use
    inner join cost
        on use.month = cost.month and use.dept_id = cost.dept_id and use.item_id = cost.item_id
),

-- rounded down, also where a line takes cases back
shared as (
    select *, (units % total + total) % total as rest
    from used
),

whole as (
    select *, cast((units - rest) / total as bigint) as whole
    from shared
),

ranked as (
    select
        *,
        row_number() over best as place,
        abs(fen) - sum(whole) over item as missing
    from whole
    window
        item as (partition by month, dept_id, item_id, part),
        best as (partition by month, dept_id, item_id, part order by rest desc, earned_id)
),

taken as (
    select
        earned_id, part,
        case when fen < 0 then -1 else 1 end
        * (whole + case when place <= missing then 1 else 0 end) as fen
    from ranked
),

line as (
    select
        earned_id, sum(fen) as cost_fen,
        sum(case when part = 'marketing' then fen else 0 end) as marketing_fen
    from taken
    group by earned_id
)

select
    use.earned_id, use.month, use.biz_date, use.person_id, use.site_id, use.brand_id, use.city,
    use.business_line, use.dept_id, use.doctor_id, use.item_id, use.package_id, use.cases,
    use.earned_fen, line.cost_fen, line.marketing_fen
from hub.item_use as use
inner join line on use.earned_id = line.earned_id
