-- one row per person won by a channel with spend: the month's spend of channel and site, shared
with won as (
    select
        person_id,
        site_id,
        channel_id,
        month,
        row_number() over (partition by month, site_id, channel_id order by person_id) as place
    from hub.visit
    where is_first_group and person_id is not null and channel_id is not null
)

select
    won.person_id,
    won.site_id,
    won.channel_id,
    won.month,
    (spent.spend_fen - spent.spend_fen % spent.persons) / spent.persons
    + case when won.place <= spent.spend_fen % spent.persons then 1 else 0 end as acquisition_fen
from won
inner join hub.acquisition_spend as spent
    on won.month = spent.month and won.site_id = spent.site_id
        and won.channel_id = spent.channel_id
