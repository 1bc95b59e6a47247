-- one row per month, department and material: what was used against what its cases should take
with cases as (
    select month, dept_id, item_id, sum(cases) as cases
    from hub.item_use
    where dept_id is not null
    group by month, dept_id, item_id
),

standard as (
    select cases.month, cases.dept_id, need.material_id, sum(cases.cases * need.qty) as qty
    from cases
    inner join hub.item_material_std as need on cases.item_id = need.item_id
    group by cases.month, cases.dept_id, need.material_id
),

-- months of departments with usage on file only: what was not counted is not saved
pair as (
    select
        coalesce(used.month, standard.month) as month,
        coalesce(used.dept_id, standard.dept_id) as dept_id,
        coalesce(used.material_id, standard.material_id) as material_id,
        cast(coalesce(used.qty, 0) as decimal(18, 4)) as actual_qty,
        cast(coalesce(standard.qty, 0) as decimal(18, 4)) as std_qty
    from hub.material_usage as used
    full join standard on used.month = standard.month and used.dept_id = standard.dept_id
        and used.material_id = standard.material_id
)

select
    pair.month,
    cast(pair.month || '-01' as date) as biz_date,
    dept.site_id,
    dept.brand_id,
    dept.city,
    dept.business_line,
    pair.dept_id,
    pair.material_id,
    pair.actual_qty,
    pair.std_qty,
    cast(pair.actual_qty - pair.std_qty as decimal(18, 4)) as variance_qty,
    cast(round(pair.std_qty * material.std_price_fen) as bigint) as std_fen,
    cast(round((pair.actual_qty - pair.std_qty) * material.std_price_fen) as bigint)
        as variance_fen
from pair
inner join (select distinct month, dept_id from hub.material_usage) as counted
    on pair.month = counted.month and pair.dept_id = counted.dept_id
inner join hub.material as material on pair.material_id = material.material_id
left join hub.org_unit as dept on pair.dept_id = dept.org_unit_id
