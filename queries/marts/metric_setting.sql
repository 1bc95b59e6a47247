-- one row in all: the thresholds metrics are defined with
-- this file is their configuration: change a number here and the next night counts by it
select
    -- paid on items that make deals, from which a consult counts as a deal
    cast(1 as bigint) as deal_min_fen,
    -- days in which the lines of a plan may be accepted
    cast(30 as bigint) as acceptance_days,
    -- days back in which an earlier paying visit makes a repurchase
    cast(365 as bigint) as repurchase_days,
    -- days in which a first paid visit in another business line is a conversion
    cast(365 as bigint) as cross_line_days,
    -- visits within 365 days that make a person loyal, whatever the years before
    cast(3 as bigint) as loyal_visits,
    -- days after a follow-up in which a booking or a visit is its success
    cast(14 as bigint) as followup_days
