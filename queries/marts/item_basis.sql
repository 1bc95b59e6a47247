-- one row per month, department, item and basis: by what the item takes part in cost pools
with sold as (
    select month, dept_id, item_id, sum(earned_fen) as fen
    from hub.item_use
    where dept_id is not null and item_type in ('goods', 'drug', 'material')
    group by month, dept_id, item_id
    having sum(earned_fen) > 0
)

select
    month, dept_id, item_id, 'role:' || role as basis,
    cast(round(sum(work_min) * 100) as bigint) as units
from hub.item_work
group by month, dept_id, item_id, role
union all
select month, dept_id, item_id, 'time', cast(round(sum(work_min) * 100) as bigint)
from hub.item_work
group by month, dept_id, item_id
union all
select month, dept_id, item_id, 'sales', fen
from sold
