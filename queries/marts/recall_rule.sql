-- one row per rule that makes a service due: reference data; after an item by its own interval, at
-- an age by months since birth
with interval_rule as (
    select
        'after:' || item_id as rule_id, 'interval' as kind, item_id, category, business_line,
        recall_interval_days as days, cast(null as bigint) as age_months
    from hub.item
    where item_type in ('service', 'drug') and recall_interval_days > 0
),

age_rule as (
    select
        category || ':' || cast(age_months as text) as rule_id, 'age' as kind,
        cast(null as text) as item_id, category, 'pediatrics' as business_line,
        cast(null as bigint) as days, cast(age_months as bigint) as age_months
    from (
        values
            ('儿保', 1), ('儿保', 3), ('儿保', 6), ('儿保', 8), ('儿保', 12), ('儿保', 18),
            ('儿保', 24), ('儿保', 30), ('儿保', 36),
            ('疫苗', 2), ('疫苗', 3), ('疫苗', 4), ('疫苗', 6), ('疫苗', 12), ('疫苗', 18),
            ('疫苗', 24), ('疫苗', 36)
    ) as schedule (category, age_months)
)

select * from interval_rule
union all
select * from age_rule
