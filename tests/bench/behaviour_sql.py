"""Funnels, retention and attribution as plain SQL of DuckDB, written from the definitions of
src/docs/funnels.md, behaviour.md and analyze.md, and apart from the hub's own rules.

Every statement answers rows of a key and numbers that must equal the hub's.
"""

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def span(text):
    """`30d` as microseconds."""
    return int(text[:-1]) * SECONDS[text[-1]] * 1_000_000


def funnel(definition, first, last):
    """Attempts per step of an ordered funnel, with medians and 90th percentiles of the seconds
    from the step before. Exclusions are not written here: None where there are some."""
    if definition["mode"] != "ordered" or definition.get("exclude"):
        return None
    steps = [step["event"] for step in definition["steps"]]
    unit, at, event = (f'"{definition[key]}"' for key in ("unit_column", "at", "event"))
    own = definition.get("cohort")
    lists = ", ".join(
        f"list(epoch_us({at})) filter (where {event} = '{step}') as l{number}"
        for number, step in enumerate(steps, 1))
    within = f"where {own} between date '{first}' and date '{last}'" if own else ""
    is_first = definition["entry"] == "first"
    entry = "list_min(l1)" if is_first else "unnest(l1)"
    parts = [
        f"unit as (select {unit} as unit, {lists} from hub.{definition['source']} {within} "
        f"where_unit group by 1)",
        f"c1 as (select *, {entry} as t1 from unit where l1 is not null)",
    ]
    parts[0] = parts[0].replace("where_unit", f"{'and' if own else 'where'} {unit} is not null")
    window = span(definition["window"])
    for number in range(2, len(steps) + 1):
        before = f"t{number - 1}"
        until = before if definition.get("window_anchor") == "per_step" else "t1"
        parts.append(
            f"c{number} as (select *, list_min(list_filter(l{number}, lambda x: x >= {before} and "
            f"x <= {until} + {window})) as t{number} from c{number - 1})")
    times = ", ".join(f"t{number}" for number in range(1, len(steps) + 1))
    depth = " + ".join(f"(t{number} is not null)::int" for number in range(1, len(steps) + 1))
    within = "" if own else (
        f"where make_timestamptz(t1)::date between date '{first}' and date '{last}'")
    parts.append(f"attempt as (select unit, {times}, {depth} as depth from c{len(steps)} {within})")
    if not is_first:
        parts.append("best as (select * from attempt qualify row_number() over (partition by unit "
                     "order by depth desc, t1) = 1)")
    source = "attempt" if is_first else "best"
    counted = []
    for number in range(1, len(steps) + 1):
        took = f"(t{number} - t{number - 1}) / 1e6" if number > 1 else "null::double"
        counted.append(f"count(t{number}), quantile_cont({took}, 0.5), quantile_cont({took}, 0.9)")
    return f"with {', '.join(parts)} select {', '.join(counted)} from {source}"


def retention(first, last, buckets):
    """Persons per month of the first paid visit and months since, that came in that month."""
    return f"""
with entry as (
    select person_id, arg_min(biz_date, (arrived_at, visit_id)) as entered_on
    from hub.visit where is_paying and person_id is not null group by 1
),
cohort as (
    select person_id, date_trunc('month', entered_on) as cohort from entry
    where entered_on between date '{first}' and date '{last}'
)
select cohort::date, datediff('month', cohort, date_trunc('month', visit.biz_date)) as bucket,
    count(distinct cohort.person_id) as returned
from cohort inner join hub.visit as visit on cohort.person_id = visit.person_id
group by 1, 2 having bucket between 1 and {buckets - 1}"""


# Weight of a touch by its place `nth` of `touches` and its age in days.
WEIGHTS = {
    "FIRST": "(nth = 1)::double",
    "LAST": "(nth = touches)::double",
    "LINEAR": "1.0",
    "U": "case when touches <= 2 then 1.0 when nth in (1, touches) then 0.4 "
         "else 0.2 / (touches - 2) end",
    "TIME_DECAY": "power(2.0, -days_before / 7.0)",
}


def attribution(model, first, last, lookback):
    """Conversions and cash per channel under a model, over first paid visits."""
    return f"""
with touch as (
    select path_id, channel_id, value_fen, days_before,
        row_number() over (partition by path_id order by touched_at, touch_id) as nth,
        count(*) over (partition by path_id) as touches
    from hub.touch_path
    where outcome = 'first_paid' and ended_on between date '{first}' and date '{last}'
        and days_before <= {lookback}
),
weighed as (
    select *, {WEIGHTS[model]} as weight from touch
),
shared as (
    select channel_id, value_fen, weight / sum(weight) over (partition by path_id) as share
    from weighed
)
select channel_id, sum(share), sum(share * value_fen) from shared group by 1"""
