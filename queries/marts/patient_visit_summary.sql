-- one row per person and site
select
    person_id,
    site_id,
    min(biz_date) as first_visit_on,
    max(biz_date) as last_visit_on,
    count(*) as visit_count
from hub.visit
where person_id is not null
group by person_id, site_id
