-- one row per line of a plan
with line as (
    select * from raw.his_t_famx
),

plan as (
    select * from hub.treatment_plan
),

done as (
    select famxid
    from raw.his_t_cz
    where zt = 1 and famxid is not null
    group by famxid
)

select
    'his:' || cast(line.famxid as text) as plan_item_id,
    plan.plan_id,
    plan.person_id,
    plan.site_id,
    cast(line.xmid as text) as item_id,
    line.bw as body_site,
    line.sl as qty,
    to_fen(line.jg) as price_fen,
    to_fen(line.yh) as discount_fen,
    line.jssj as accepted_at,
    line.jjyy as declined_reason,
    done.famxid is not null as is_done
from line
left join plan on 'his:' || cast(line.faid as text) = plan.plan_id
left join done on line.famxid = done.famxid
