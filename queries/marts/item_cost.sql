-- one row per month, clinical department and item; item `none`: cost nothing there works off
with total as (
    select month, dept_id, basis, cast(sum(units) as decimal(38, 0)) as total
    from hub.item_basis
    group by month, dept_id, basis
),

-- a role nobody is planned for is shared by all minutes; a department without services by sales
pool as (
    select
        pool.month, pool.site_id, pool.dept_id, pool.level,
        pool.cost_class = 'marketing' as is_marketing,
        coalesce(role.basis, drug.basis, work.basis, sales.basis, 'none') as basis,
        coalesce(role.total, drug.total, work.total, sales.total) as total,
        cast(sum(pool.amount_fen) as decimal(38, 0)) as fen
    from hub.cost_pool as pool
    left join total as role on pool.month = role.month and pool.dept_id = role.dept_id
        and 'role:' || pool.role = role.basis
    left join total as drug on pool.month = drug.month and pool.dept_id = drug.dept_id
        and drug.basis = 'sales' and pool.cost_class = 'drug' and pool.level = 0
    left join total as work on pool.month = work.month and pool.dept_id = work.dept_id
        and work.basis = 'time'
    left join total as sales on pool.month = sales.month and pool.dept_id = sales.dept_id
        and sales.basis = 'sales'
    group by pool.month, pool.site_id, pool.dept_id, pool.level, 5, 6, 7
),

shared as (
    select
        pool.*, coalesce(base.item_id, 'none') as item_id,
        coalesce(abs(pool.fen) * base.units % pool.total, 0) as rest,
        cast(coalesce(
            (abs(pool.fen) * base.units - abs(pool.fen) * base.units % pool.total) / pool.total,
            abs(pool.fen)
        ) as bigint) as whole
    from pool
    left join hub.item_basis as base on pool.month = base.month
        and pool.dept_id = base.dept_id and pool.basis = base.basis
),

ranked as (
    select
        *,
        row_number() over best as place,
        cast(abs(fen) as bigint) - sum(whole) over pool as missing
    from shared
    window pool as (partition by month, dept_id, level, is_marketing, basis), best as (
        partition by month, dept_id, level, is_marketing, basis order by rest desc, item_id
    )
),

taken as (
    select
        month, site_id, dept_id, item_id, level, is_marketing,
        case when fen < 0 then -1 else 1 end
        * (whole + case when place <= missing then 1 else 0 end) as fen
    from ranked
),

cases as (
    select month, dept_id, item_id, sum(cases) as cases
    from hub.item_use
    group by month, dept_id, item_id
)

select
    taken.month, cast(taken.month || '-01' as date) as biz_date, taken.site_id, taken.dept_id,
    taken.item_id, max(cases.cases) as cases,
    sum(case when taken.level = 0 then taken.fen else 0 end) as direct_fen,
    sum(case when taken.level > 0 then taken.fen else 0 end) as received_fen,
    sum(case when taken.is_marketing then taken.fen else 0 end) as marketing_fen,
    sum(taken.fen) as full_fen,
    cast(
        cast(sum(taken.fen) as decimal(30, 12))
        / nullif(cast(max(cases.cases) as decimal(12, 2)), 0) as decimal(38, 12)
    ) as unit_full
from taken
left join cases on taken.month = cases.month and taken.dept_id = cases.dept_id
    and taken.item_id = cases.item_id
group by taken.month, taken.site_id, taken.dept_id, taken.item_id
