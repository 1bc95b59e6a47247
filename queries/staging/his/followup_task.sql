-- one row per follow-up task
with task as (
    select * from raw.his_t_hf
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
),

through as (
    select data_through from hub.data_through
)

select
    'his:' || cast(task.hfid as text) as task_id,
    link.person_id,
    site.site_id,
    local_date(task.dqsj, site.site_id) as biz_date,
    month_of(local_date(task.dqsj, site.site_id)) as month,
    site.brand_id,
    site.city,
    site.business_line,
    case task.lb
        when 1 then 'not_arrived' when 2 then 'arrived_not_treated' when 3 then 'in_treatment'
        when 4 then 'interrupted' when 5 then 'outpatient_surgery' when 6 then 'completed'
        when 7 then 'free_clinic' when 8 then 'event'
    end as category,
    case task.zrjs
        when 1 then 'doctor' when 2 then 'assistant' when 3 then 'nurse' when 4 then 'consultant'
        when 5 then 'customer_service' when 6 then 'marketer' when 7 then 'product_manager'
        when 8 then 'store_manager' when 9 then 'finance' else 'other'
    end as owner_role,
    cast(task.ryid as text) as owner_id,
    task.jhrq as plan_date,
    task.dqsj as due_at,
    task.wcsj as done_at,
    case task.gj when 1 then 'phone' when 2 then 'sms' when 3 then 'wechat' else 'visit' end
        as tool,
    case task.zt when 0 then 'open' when 1 then 'done' else 'cancelled' end as status,
    task.jg as result,
    task.zt = 0 and local_date(task.dqsj, site.site_id) <= through.data_through as is_overdue,
    task.zt = 1 and coalesce(task.wcsj <= task.dqsj, false) as is_on_time
from task
cross join through
left join link on 'his:' || cast(task.brid as text) = link.record_id
left join site on task.jgid = site.his_org_id
