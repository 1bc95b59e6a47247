-- one row per material kept in stock
with material as (
    select * from raw.ledger_material
)

select
    material as material_id,
    name,
    unit,
    to_fen(price) as std_price_fen
from material
