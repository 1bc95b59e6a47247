-- one row per month, site and channel with spend: what was spent, and on how many persons won
with spent as (
    select month, site_id, channel_id, sum(spend_fen) as spend_fen
    from hub.channel_spend
    group by month, site_id, channel_id
),

won as (
    select month, site_id, channel_id, count(*) as persons
    from hub.visit
    where is_first_group and person_id is not null and channel_id is not null
    group by month, site_id, channel_id
)

select
    spent.month || ':' || coalesce(spent.site_id, '') || ':' || coalesce(spent.channel_id, '')
        as spend_id,
    spent.month,
    cast(spent.month || '-01' as date) as biz_date,
    spent.site_id,
    spent.channel_id,
    spent.spend_fen,
    coalesce(won.persons, 0) as persons,
    case when won.persons is null then spent.spend_fen else 0 end as unassigned_fen
from spent
left join won on spent.month = won.month and spent.site_id = won.site_id
    and spent.channel_id = won.channel_id
