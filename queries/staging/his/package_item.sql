-- one row per package and contained item
with package_item as (
    select * from raw.his_t_tcmx
)

select
    cast(tcid as text) as package_id,
    cast(xmid as text) as item_id,
    cs as times
from package_item
