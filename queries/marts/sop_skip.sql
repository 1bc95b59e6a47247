-- one row per examination or treatment done without an order before it (跳单)
select
    * except (is_skipped),
    cast((to_unixtime(ordered_at) - to_unixtime(started_at)) / 60 as bigint) as gap_min
from hub.sop_act
where is_skipped
