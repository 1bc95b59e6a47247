-- one row per entry of a stored-value account
with entry as (
    select * from raw.his_t_ye
),

link as (
    select * from hub.person_link
),

site as (
    select * from hub.org_unit
)

select
    'his:' || cast(entry.lsid as text) as txn_id,
    link.person_id,
    site.site_id,
    local_date(entry.fssj, site.site_id) as biz_date,
    month_of(local_date(entry.fssj, site.site_id)) as month,
    entry.fssj as at,
    to_fen(entry.bdje) as delta_fen,
    to_fen(entry.ye) as balance_after_fen,
    'his:' || cast(entry.skid as text) as payment_id
from entry
left join link on 'his:' || cast(entry.brid as text) = link.record_id
left join site on entry.jgid = site.his_org_id
