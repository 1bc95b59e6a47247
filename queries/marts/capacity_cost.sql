-- one row per month and clinical department: labour paid, charged to its cases, and left over
select
    capacity.month,
    capacity.biz_date,
    capacity.site_id,
    capacity.dept_id,
    dept.business_line,
    sum(capacity.cost_fen) as cost_fen,
    sum(capacity.charged_fen) as charged_fen,
    sum(capacity.unused_fen) as unused_fen
from hub.labour_capacity as capacity
left join hub.org_unit as dept on capacity.dept_id = dept.org_unit_id
group by
    capacity.month, capacity.biz_date, capacity.site_id, capacity.dept_id, dept.business_line
