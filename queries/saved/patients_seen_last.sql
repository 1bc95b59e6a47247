select person_id, site_id, last_visit_on, visit_count from hub.patient_visit_summary order by last_visit_on desc nulls last limit 5
