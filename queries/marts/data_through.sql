-- one row in all: the last business day on which anything happened
with happened as (
    select max(biz_date) as biz_date from hub.visit
    union all
    select max(biz_date) as biz_date from hub.payment
    union all
    select max(biz_date) as biz_date from hub.lead
)

select coalesce(max(biz_date), date '1970-01-01') as data_through
from happened
