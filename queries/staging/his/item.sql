-- one row per item that can be charged
with item as (
    select * from raw.his_t_xm
)

select
    cast(xmid as text) as item_id,
    xmbm as code,
    xmmc as name,
    fl as category,
    case lx
        when 1 then 'service' when 2 then 'goods' when 3 then 'drug'
        when 4 then 'material' when 5 then 'package' when 6 then 'membership'
    end as item_type,
    to_fen(bzj) as std_price_fen,
    case ywx
        when 1 then 'obgyn' when 2 then 'pediatrics' when 3 then 'aesthetic'
        when 4 then 'dental' when 5 then 'postpartum' when 9 then 'other'
    end as business_line,
    sfpc = 1 as is_deal_excluded,
    zqts as recall_interval_days
from item
