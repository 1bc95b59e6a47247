-- one row per business line and day from which its thresholds hold
-- to change a threshold add a row: history is built again, days before it keep the older ones
with rule (
    business_line, interrupted_days, dormant_days, churned_days, reactivation_days, effective_from
) as (
    values
    ('obgyn', 45, 120, 365, 60, date '2000-01-01'),
    ('pediatrics', 60, 180, 365, 60, date '2000-01-01'),
    ('aesthetic', 30, 180, 365, 60, date '2000-01-01'),
    ('dental', 45, 365, 730, 60, date '2000-01-01'),
    ('postpartum', 14, 90, 180, 60, date '2000-01-01'),
    ('other', 45, 365, 730, 60, date '2000-01-01')
)

select
    business_line || ':' || cast(effective_from as text) as rule_id,
    business_line,
    interrupted_days,
    dormant_days,
    churned_days,
    reactivation_days,
    effective_from,
    lead(effective_from) over (partition by business_line order by effective_from) - 1
        as effective_to
from rule
