//! Tiles: value, comparison, target, status and sparkline of one metric each.
//!
//! Owns batching: all tiles of one range and filter are one metrics query, all sparklines of one
//! grain, length and filter another, and all targets of one filter one statement.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use futures::future::try_join_all;
use hub_domain::Error;
use hub_domain::board::{Status, Tile, TileDefinition};
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{
    Additivity, Compare, DimensionFilter, Direction, MetricDefinition, MetricValue, MetricsQuery,
};
use hub_domain::page::PageRequest;
use rust_decimal::Decimal;

use super::Calendar;
use crate::readers::Source;
use crate::readers::decode::rows;
use crate::readers::metrics::compile::{date_param, dimension_predicates, text_param};
use crate::readers::metrics::{self, Visible, rounded};

/// Shortfall that is a warning and not yet bad.
const TOLERANCE: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// What tiles are batched by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Batch {
    from: NaiveDate,
    to: NaiveDate,
    grain: Option<Grain>,
    filter: BTreeMap<String, Vec<String>>,
}

impl Batch {
    fn of_value(tile: &TileDefinition, days: Calendar) -> Self {
        let DateRange { from, to } = days.range(tile.range);
        Self { from, to, grain: None, filter: tile.filter.clone() }
    }

    fn of_sparkline(tile: &TileDefinition, days: Calendar) -> Option<Self> {
        let steps = tile.sparkline.checked_sub(1)?;
        let grain = tile.sparkline_grain;
        let to = days.range(tile.range).to;
        let from = (0..steps).fold(grain.start(to), |from, _| grain.start(from - Days::new(1)));
        Some(Self { from, to, grain: Some(grain), filter: tile.filter.clone() })
    }

    fn range(&self) -> DateRange {
        DateRange { from: self.from, to: self.to }
    }

    fn filters(&self, board: &[DimensionFilter]) -> Vec<DimensionFilter> {
        let own = self.filter.iter().map(|(dimension, values)| DimensionFilter {
            dimension: dimension.clone(),
            any_of: Some(values.clone()),
            none_of: None,
            is_null: None,
        });
        board.iter().cloned().chain(own).collect()
    }
}

/// All tiles of a board.
pub(super) async fn tiles(
    source: &dyn Source,
    definitions: &[TileDefinition],
    days: Calendar,
    filter: &[DimensionFilter],
) -> Result<Vec<Tile>, Error> {
    let mut batches: BTreeMap<Batch, BTreeSet<&str>> = BTreeMap::new();
    for tile in definitions {
        let wanted = [Some(Batch::of_value(tile, days)), Batch::of_sparkline(tile, days)];
        for batch in wanted.into_iter().flatten() {
            batches.entry(batch).or_default().insert(&tile.metric);
        }
    }
    let running = batches.iter().map(|(batch, metrics)| run(source, batch, metrics, filter));
    let (answers, targets) =
        futures::join!(try_join_all(running), targets(source, definitions, days, filter),);
    let (answers, targets) = (answers?, targets?);
    let answers: BTreeMap<&Batch, Answer> = batches.keys().zip(answers).collect();

    let mut tiles = Vec::with_capacity(definitions.len());
    for (tile, target) in definitions.iter().zip(targets) {
        let metric = &source.definitions().catalogue.metric(&tile.metric)?.definition;
        let range = days.range(tile.range);
        let value = answers.get(&Batch::of_value(tile, days)).and_then(|it| it.total(metric));
        let sparkline = Batch::of_sparkline(tile, days)
            .and_then(|batch| answers.get(&batch))
            .map(|answer| answer.series(metric))
            .unwrap_or_default();
        tiles.push(finish(metric, range, value, target, sparkline));
    }
    Ok(tiles)
}

/// Totals and rows of one batch.
struct Answer {
    totals: Vec<MetricValue>,
    rows: Vec<Vec<MetricValue>>,
}

impl Answer {
    fn total(&self, metric: &MetricDefinition) -> Option<MetricValue> {
        self.totals.iter().find(|value| value.metric == metric.id).cloned()
    }

    fn series(&self, metric: &MetricDefinition) -> Vec<Option<Decimal>> {
        let of = |row: &Vec<MetricValue>| {
            row.iter().find(|value| value.metric == metric.id).and_then(|value| value.value)
        };
        self.rows.iter().map(of).collect()
    }
}

async fn run(
    source: &dyn Source,
    batch: &Batch,
    metrics: &BTreeSet<&str>,
    filter: &[DimensionFilter],
) -> Result<Answer, Error> {
    let query = MetricsQuery {
        metrics: metrics.iter().map(|id| (*id).to_owned()).collect(),
        group_by: Vec::new(),
        grain: batch.grain,
        range: batch.range(),
        filter: batch.filters(filter),
        having: Vec::new(),
        compare: batch.grain.is_none().then_some(Compare::PreviousPeriod),
        order_by: Vec::new(),
        approximate: false,
        page: PageRequest { first: PageRequest::MAX, after: None },
    };
    let answer = metrics::answer(source, &query, Visible::All).await?;
    let rows = answer.rows.into_iter().map(|row| row.values).collect();
    Ok(Answer { totals: answer.totals, rows })
}

/// Columns of `hub.target` that hold a dimension.
fn target_column(dimension: &str) -> Option<&'static str> {
    match dimension {
        "site" => Some("site_id"),
        "brand" => Some("brand_id"),
        "city" => Some("city"),
        "business_line" => Some("business_line"),
        _ => None,
    }
}

/// The target of every tile, in order. A filter targets are not set by leaves no target.
async fn targets(
    source: &dyn Source,
    definitions: &[TileDefinition],
    days: Calendar,
    filter: &[DimensionFilter],
) -> Result<Vec<Option<Decimal>>, Error> {
    let mut batches: BTreeSet<Batch> = BTreeSet::new();
    for tile in definitions {
        batches.insert(Batch::of_value(tile, days));
    }
    let ids: BTreeSet<&str> = definitions.iter().map(|tile| tile.metric.as_str()).collect();
    let running = batches.iter().map(|batch| target_values(source, &ids, batch, filter));
    let found = try_join_all(running).await?;
    let by_batch: BTreeMap<&Batch, BTreeMap<String, (Decimal, Decimal)>> =
        batches.iter().zip(found).collect();
    let catalogue = &source.definitions().catalogue;
    definitions
        .iter()
        .map(|tile| {
            let metric = catalogue.metric(&tile.metric)?;
            let batch = Batch::of_value(tile, days);
            let Some((sum, count)) = by_batch.get(&batch).and_then(|it| it.get(&tile.metric))
            else {
                return Ok(metric.definition.target_on(batch.to));
            };
            if catalogue.additivity(metric) != Additivity::Full {
                return Ok(sum.checked_div(*count).map(rounded));
            }
            // A month's sum says nothing of a few days in the middle of it.
            Ok((Grain::Month.start(batch.from) == batch.from).then_some(*sum))
        })
        .collect()
}

/// Sum and number of the targets of the months a batch covers, by metric.
async fn target_values(
    source: &dyn Source,
    ids: &BTreeSet<&str>,
    batch: &Batch,
    filter: &[DimensionFilter],
) -> Result<BTreeMap<String, (Decimal, Decimal)>, Error> {
    let mut params = vec![date_param(Grain::Month.start(batch.from)), date_param(batch.to)];
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        params.push(text_param(id));
        names.push(format!("${}", params.len()));
    }
    let mut predicates = String::new();
    for filter in batch.filters(filter) {
        let Some(column) = target_column(&filter.dimension) else { return Ok(BTreeMap::new()) };
        for predicate in dimension_predicates(&filter, column, &mut params) {
            predicates.push_str(" and ");
            predicates.push_str(&predicate);
        }
    }
    let sql = format!(
        "select metric, sum(value) as value, count(*) as targets from hub.target \
         where level = 'site' and biz_date between $1 and $2 and metric in ({}){predicates} \
         group by metric",
        names.join(", ")
    );
    let mut found = BTreeMap::new();
    for row in rows(&source.fetch(&sql, params).await?) {
        let value = row.number_opt("value")?.unwrap_or_default();
        found.insert(row.text("metric")?.to_owned(), (value, row.int("targets")?.into()));
    }
    Ok(found)
}

fn finish(
    metric: &MetricDefinition,
    range: DateRange,
    value: Option<MetricValue>,
    target: Option<Decimal>,
    sparkline: Vec<Option<Decimal>>,
) -> Tile {
    let compare = value.as_ref().and_then(|value| value.compare);
    let value = value.and_then(|value| value.value);
    let attainment = match (value, target) {
        (Some(value), Some(target)) => value.checked_div(target).map(rounded),
        _ => None,
    };
    let due = if metric.additive { target.map(|it| due_share(it, range)) } else { target };
    let status = status(metric.direction, value, due, compare);
    Tile { metric: metric.clone(), range, value, compare, target, attainment, status, sparkline }
}

/// The part of a months' sum that is due by the last day of a range that ends within a month.
fn due_share(target: Decimal, range: DateRange) -> Decimal {
    let whole = DateRange { from: range.from, to: DateRange::month_of(range.to).to };
    target * Decimal::from(range.days()) / Decimal::from(whole.days())
}

/// The light: against what is due of the target, without one against the period before.
fn status(
    direction: Direction,
    value: Option<Decimal>,
    due: Option<Decimal>,
    compare: Option<Decimal>,
) -> Status {
    let Some(value) = value else { return Status::Unknown };
    let ahead = |by: Decimal| match direction {
        Direction::Up => Some(value - by),
        Direction::Down => Some(by - value),
        Direction::Neutral => None,
    };
    let light = |ahead: Decimal, tolerated: Decimal| match ahead {
        ahead if ahead >= Decimal::ZERO => Status::Good,
        ahead if -ahead <= tolerated => Status::Warning,
        _ => Status::Bad,
    };
    match (due, compare) {
        (Some(due), _) => {
            ahead(due).map_or(Status::Unknown, |ahead| light(ahead, due.abs() * TOLERANCE))
        }
        (None, Some(before)) => match ahead(before) {
            Some(ahead) if ahead.is_zero() => Status::Warning,
            Some(ahead) => light(ahead, Decimal::ZERO),
            None => Status::Unknown,
        },
        (None, None) => Status::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lights_follow_direction() {
        let number = |n: i64| Some(Decimal::from(n));
        for (direction, value, due, compare, expected) in [
            (Direction::Up, 100, number(100), None, Status::Good),
            (Direction::Up, 91, number(100), None, Status::Warning),
            (Direction::Up, 89, number(100), number(1), Status::Bad),
            (Direction::Down, 109, number(100), None, Status::Warning),
            (Direction::Down, 90, number(100), None, Status::Good),
            (Direction::Up, 5, None, number(5), Status::Warning),
            (Direction::Up, 6, None, number(5), Status::Good),
            (Direction::Down, 6, None, number(5), Status::Bad),
            (Direction::Neutral, 6, None, number(5), Status::Unknown),
            (Direction::Up, 6, None, None, Status::Unknown),
        ] {
            assert_eq!(status(direction, number(value), due, compare), expected);
        }
    }

    #[test]
    fn half_a_month_owes_half_its_target() {
        let range = DateRange {
            from: "2026-04-01".parse().expect("a day"),
            to: "2026-04-15".parse().expect("a day"),
        };
        assert_eq!(due_share(Decimal::from(300), range), Decimal::from(150));
    }
}
