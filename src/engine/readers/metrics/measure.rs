//! What is aggregated behind one input: which rows, on which day, by which aggregate.
//!
//! Owns the shape of relations: entries with what followed them, and stocks as changes. None of
//! them has more than one row per entry or change, whatever is joined. Must not know questions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use hub_domain::metric::{
    Aggregate, Cohort, Entry, EntryRule, Formula, MetricDefinition, Rollup, Simple, Standing,
    Stock, Window,
};
use rust_decimal::Decimal;

use crate::readers::formula::Side;

/// Rows and their aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measure<'a> {
    /// What stands after `from`.
    pub(crate) relation: String,
    /// Day of a row.
    pub(crate) time: String,
    pub(crate) aggregate: Aggregate,
    pub(crate) expression: Option<String>,
    pub(crate) percentile: Option<Decimal>,
    /// Predicate rows must keep.
    pub(crate) filter: Option<String>,
    /// Dimension id → expression over the relation.
    pub(crate) dimensions: &'a BTreeMap<String, String>,
    pub(crate) reach: Reach,
}

/// Which rows make the value of a period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Those of its days.
    Period,
    /// Those of days that end with its last one.
    Window(Window),
    /// All up to its last day: rows are changes.
    Always,
    /// Those that stand on its last day.
    Standing {
        /// First day of a row.
        from: String,
        /// First day no more; NULL when it stands still.
        until: String,
    },
}

/// The measure of one side of a metric that aggregates rows itself. With `bounded`, entries are
/// only those of the days `$1` to `$2`; `through` is the last day of the data.
pub(crate) fn measure<'a>(
    metric: &'a MetricDefinition,
    side: Side,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
    bounded: bool,
    through: NaiveDate,
) -> Option<Measure<'a>> {
    match &metric.formula {
        Formula::Simple(simple) => Some(of_simple(simple, Reach::Period)),
        Formula::Cumulative(cumulative) => match &find(&cumulative.metric)?.formula {
            Formula::Simple(simple) => Some(of_simple(simple, Reach::Window(cumulative.window))),
            _ => None,
        },
        Formula::Stock(stock) => Some(of_stock(stock)),
        Formula::Conversion(cohort) | Formula::Cohort(cohort) => {
            Some(of_cohort(cohort, side, bounded, through))
        }
        Formula::Ratio(_) | Formula::Derived(_) => None,
    }
}

fn of_simple(simple: &Simple, reach: Reach) -> Measure<'_> {
    Measure {
        relation: format!("hub.{}", simple.source),
        time: simple.time.clone(),
        aggregate: simple.aggregate,
        expression: simple.expression.clone(),
        percentile: simple.percentile,
        filter: simple.filter.clone(),
        dimensions: &simple.dimensions,
        reach,
    }
}

fn of_stock(stock: &Stock) -> Measure<'_> {
    let source = format!("hub.{}", stock.source);
    let (relation, from, until) = match &stock.stands {
        Standing::Movements { time } => return changes(stock, source, time.clone(), None),
        Standing::Interval { from, until } => (source, from.clone(), until.clone()),
        Standing::Reading { time, key } => {
            // The next reading of the same key ends one; of several on a day the largest stands.
            let order = ordered(time, stock.expression.iter().chain(stock.dimensions.values()));
            let next = format!(
                "(select *, lead({time}) over (partition by {} order by {order}) as stock_next \
                 from {source})",
                key.join(", ")
            );
            (next, time.clone(), "stock_next".to_owned())
        }
    };
    if !stock.aggregate.adds_up() {
        return Measure {
            relation,
            time: from.clone(),
            aggregate: stock.aggregate,
            expression: stock.expression.clone(),
            percentile: None,
            filter: stock.filter.clone(),
            dimensions: &stock.dimensions,
            reach: Reach::Standing { from, until },
        };
    }
    let both = format!(
        "(select *, {from} as stock_day, 1 as stock_sign from {relation} \
         where {until} is null or {until} > {from} \
         union all select *, {until} as stock_day, -1 as stock_sign from {relation} where {until} > {from})"
    );
    changes(stock, both, "stock_day".to_owned(), Some("stock_sign"))
}

/// A stock as changes that are added up; `sign` says which rows leave it.
fn changes<'a>(
    stock: &'a Stock,
    relation: String,
    time: String,
    sign: Option<&str>,
) -> Measure<'a> {
    let (aggregate, expression) = match (sign, &stock.expression) {
        (None, expression) => (stock.aggregate, expression.clone()),
        (Some(sign), None) => (Aggregate::Sum, Some(sign.to_owned())),
        (Some(sign), Some(expression)) => {
            (Aggregate::Sum, Some(format!("{sign} * ({expression})")))
        }
    };
    Measure {
        relation,
        time,
        aggregate,
        expression,
        percentile: None,
        filter: stock.filter.clone(),
        dimensions: &stock.dimensions,
        reach: Reach::Always,
    }
}

fn of_cohort(cohort: &Cohort, side: Side, bounded: bool, through: NaiveDate) -> Measure<'_> {
    let (aggregate, expression) = match (side, cohort.event.aggregate) {
        (Side::Followed, Some(_)) => (Aggregate::Sum, "coalesce(entry_events, 0)"),
        (Side::Followed, None) => (Aggregate::Sum, "case when entry_events > 0 then 1 else 0 end"),
        _ => (Aggregate::Count, ""),
    };
    let over = |days: u32| format!("entry_on + interval '{days} days' <= date '{through}'");
    Measure {
        relation: entries(cohort, bounded),
        time: "entry_on".to_owned(),
        aggregate,
        expression: (!expression.is_empty()).then(|| expression.to_owned()),
        percentile: None,
        filter: cohort.mature.then(|| over(cohort.within.days)),
        dimensions: &cohort.base.dimensions,
        reach: Reach::Period,
    }
}

/// One row per entry: the row that entered, who and when, and what followed as `entry_events`.
/// Events are added up per entry before they meet it, so an entry is never doubled.
fn entries(cohort: &Cohort, bounded: bool) -> String {
    let (event, within) = (&cohort.event, cohort.within);
    let base = entered(&cohort.base, bounded);
    let kept = event.filter.as_ref().map(|it| format!(" and ({it})")).unwrap_or_default();
    let matching = event.matching.as_ref().map(|it| format!(" and ({it})")).unwrap_or_default();
    // The amount is computed where only the event's columns are in sight.
    let (amount, followed) = match (event.aggregate, &event.expression) {
        (Some(Aggregate::Sum), Some(expression)) => {
            (format!(", {expression} as event_amount"), "sum(event.event_amount)")
        }
        _ => (String::new(), "count(*)"),
    };
    format!(
        "(select entry.*, hit.entry_events from {base} as entry left join (\
         select base.entry_who as hit_who, base.entry_on as hit_on, {followed} as entry_events \
         from {base} as base inner join (\
         select *, {entity} as event_who, {time} as event_on{amount} from hub.{source} \
         where {time} is not null{kept}) as event \
         on base.entry_who = event.event_who \
         and event.event_on >= base.entry_on + interval '{after} days' \
         and event.event_on <= base.entry_on + interval '{days} days'{matching} \
         group by base.entry_who, base.entry_on) as hit \
         on entry.entry_who = hit.hit_who and entry.entry_on = hit.hit_on)",
        entity = event.entity,
        time = event.time,
        source = event.source,
        after = within.after,
        days = within.days,
    )
}

/// The rows that enter: one per entity, or one per entity and day.
fn entered(base: &Entry, bounded: bool) -> String {
    let Entry { source, entity, time, .. } = base;
    let kept = base.filter.as_ref().map(|it| format!(" and ({it})")).unwrap_or_default();
    let each = match base.entry {
        EntryRule::First => String::new(),
        EntryRule::Each => format!(", {time}"),
    };
    let order = ordered(time, base.dimensions.values());
    let days = if bounded { " and entry_on between $1 and $2" } else { "" };
    format!(
        "(select * from (select *, {entity} as entry_who, {time} as entry_on, \
         row_number() over (partition by {entity}{each} order by {order}) as entry_rank \
         from hub.{source} where {entity} is not null and {time} is not null{kept}) \
         where entry_rank = 1{days})"
    )
}

/// An order by day in which rows of one day are told apart the same way every time.
fn ordered<'a>(time: &str, values: impl Iterator<Item = &'a String>) -> String {
    values.fold(time.to_owned(), |mut order, value| {
        let _ = write!(order, ", {value}");
        order
    })
}

/// `aggregate` over rows that keep `filter`.
pub(crate) fn aggregate_text(
    measure: &Measure<'_>,
    filter: Option<&str>,
    approximate: bool,
) -> String {
    let expression = measure.expression.as_deref().unwrap_or("*");
    let kept = filter.map(|it| format!(" filter (where {it})")).unwrap_or_default();
    let share = match measure.aggregate {
        Aggregate::Median => Decimal::new(5, 1),
        _ => measure.percentile.unwrap_or_default(),
    };
    match measure.aggregate {
        Aggregate::Count => format!("count(*){kept}"),
        Aggregate::Sum => format!("sum({expression}){kept}"),
        Aggregate::CountDistinct if approximate => {
            format!("cast(approx_distinct({expression}){kept} as bigint)")
        }
        Aggregate::CountDistinct => format!("count(distinct {expression}){kept}"),
        Aggregate::Min => format!("min({expression}){kept}"),
        Aggregate::Max => format!("max({expression}){kept}"),
        Aggregate::Median | Aggregate::Percentile => percentile_text(expression, filter, share),
    }
}

/// The value `share` of the way through the sorted values, exactly: the engine's own percentile
/// weighs its two neighbours in steps of a millionth, which is fen where amounts are large.
fn percentile_text(expression: &str, filter: Option<&str>, share: Decimal) -> String {
    let kept = filter.map(|it| format!(" and ({it})")).unwrap_or_default();
    let sorted = format!(
        "array_sort(array_agg(cast({expression} as decimal(38, 4))) \
         filter (where {expression} is not null{kept}))"
    );
    let count = format!("cast(array_length({sorted}) as bigint)");
    let place = format!("{share} * ({count} - 1)");
    let below = format!("cast(floor({place}) as bigint)");
    let low = format!("{sorted}[{below} + 1]");
    let high = format!("{sorted}[least({below} + 2, {count})]");
    format!("cast({low} + ({high} - {low}) * ({place} - {below}) as decimal(38, 4))")
}

/// `relation` with the value of a looked-up dimension, as of `time`, in column `rolled_<id>`.
pub(crate) fn with_rollup(
    relation: &str,
    time: &str,
    of: &str,
    id: &str,
    rollup: &Rollup,
) -> String {
    let at = lookup_on("rolled", of, time);
    format!(
        "(select rolled_from.*, rolled.rolled_value as rolled_{id} from {relation} as rolled_from \
         left join {} as rolled on {at})",
        lookup(rollup)
    )
}

/// The condition that finds, in a [`lookup`] named `name`, the row of `key` on day `day`.
pub(crate) fn lookup_on(name: &str, key: &str, day: &str) -> String {
    format!(
        "{name}.rolled_key = {key} and {day} >= {name}.rolled_since and {day} < {name}.rolled_until"
    )
}

/// Values by key and days that never overlap, whatever the table holds. Before its first row a
/// key has the value of that row.
pub(crate) fn lookup(rollup: &Rollup) -> String {
    let Rollup { table, key, valid_from, column, .. } = rollup;
    let next = "over (partition by rolled_key order by rolled_day)";
    format!(
        "(select rolled_key, rolled_value, \
         case when row_number() {next} = 1 then date '0001-01-01' else rolled_day end \
         as rolled_since, \
         coalesce(lead(rolled_day) {next}, date '9999-12-31') as rolled_until \
         from (select {key} as rolled_key, {valid_from} as rolled_day, \
         min({column}) as rolled_value from hub.{table} \
         where {key} is not null and {valid_from} is not null group by {key}, {valid_from}))"
    )
}
