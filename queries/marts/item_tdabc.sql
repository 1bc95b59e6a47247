-- one row per month, clinical department and item: standard cost by time, at practical capacity
with rate as (
    select
        month, dept_id, role,
        cast(
            cast(cost_fen as decimal(30, 12)) / nullif(practical_min, 0) as decimal(30, 12)
        ) as rate
    from hub.labour_capacity
),

labour as (
    select
        work.month,
        work.site_id,
        work.dept_id,
        work.item_id,
        max(work.cases) as cases,
        cast(
            sum(cast(rate.rate * work.heads * work.minutes as decimal(30, 12))) as decimal(38, 12)
        ) as labour_unit,
        bool_or(rate.rate is null) as lacks_role
    from hub.item_work as work
    left join rate
        on work.month = rate.month and work.dept_id = rate.dept_id and work.role = rate.role
    group by work.month, work.site_id, work.dept_id, work.item_id
),

stuff as (
    select
        need.item_id,
        cast(sum(need.qty * material.std_price_fen) as decimal(38, 12)) as material_unit
    from hub.item_material_std as need
    inner join hub.material as material on need.material_id = material.material_id
    group by need.item_id
)

select
    labour.month,
    labour.site_id,
    labour.dept_id,
    labour.item_id,
    labour.cases,
    labour.lacks_role,
    coalesce(labour.labour_unit, cast(0 as decimal(38, 12))) as labour_unit,
    coalesce(stuff.material_unit, cast(0 as decimal(38, 12))) as material_unit
from labour
left join stuff on labour.item_id = stuff.item_id
inner join (select distinct month, dept_id from hub.labour_capacity) as known
    on labour.month = known.month and labour.dept_id = known.dept_id
