-- one row per person and business line: the first paid visit there, and when another line followed
with entry as (
    select
        person_id,
        business_line,
        first_value(visit_id order by arrived_at, visit_id) as visit_id,
        first_value(site_id order by arrived_at, visit_id) as site_id,
        first_value(brand_id order by arrived_at, visit_id) as brand_id,
        first_value(city order by arrived_at, visit_id) as city,
        first_value(channel_id order by arrived_at, visit_id) as channel_id,
        first_value(doctor_id order by arrived_at, visit_id) as doctor_id,
        first_value(consultant_id order by arrived_at, visit_id) as consultant_id,
        first_value(arrived_at order by arrived_at, visit_id) as entered_at,
        first_value(biz_date order by arrived_at, visit_id) as entered_on,
        first_value(month order by arrived_at, visit_id) as month
    from hub.visit
    where is_paying and person_id is not null and business_line is not null
    group by person_id, business_line
),

followed as (
    select
        *,
        -- two lines of one instant do not follow each other
        min(entered_on) over (
            partition by person_id order by entered_at
            groups between 1 following and unbounded following
        ) as next_on
    from entry
)

select
    followed.*,
    through.data_through - entered_on >= setting.cross_line_days as is_mature,
    coalesce(next_on - entered_on <= setting.cross_line_days, false) as is_converted
from followed
cross join hub.data_through as through
cross join hub.metric_setting as setting
