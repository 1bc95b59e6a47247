//! Metric and dimension definitions: the language of `queries/metrics`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::unit::{Direction, Unit};
use crate::calendar::Grain;

/// How rows become a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Number of rows.
    Count,
    /// Sum of an expression.
    Sum,
    /// Number of distinct values of an expression; not additive.
    CountDistinct,
    /// Middle value of an expression; not additive.
    Median,
    /// The value below which a share of the rows lies; not additive.
    Percentile,
    /// Smallest value; not additive.
    Min,
    /// Largest value; not additive.
    Max,
}

impl Aggregate {
    /// Whether results of disjoint rows may be added.
    #[must_use]
    pub fn adds_up(self) -> bool {
        matches!(self, Self::Count | Self::Sum)
    }

    /// Whether no rows give 0; otherwise they give nothing.
    #[must_use]
    pub fn is_zero_without_rows(self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::CountDistinct)
    }
}

/// One aggregate over one table of schema `hub`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simple {
    /// Table in schema `hub`.
    pub source: String,
    /// Aggregate.
    pub aggregate: Aggregate,
    /// SQL expression aggregated; absent for `count`.
    #[serde(default)]
    pub expression: Option<String>,
    /// Share of rows below the value, for `percentile`: 0.9 is the ninth decile.
    #[serde(default)]
    pub percentile: Option<Decimal>,
    /// SQL predicate rows must keep.
    #[serde(default)]
    pub filter: Option<String>,
    /// Date column that places a row in time.
    pub time: String,
    /// Dimension id → SQL expression over the source's columns.
    pub dimensions: BTreeMap<String, String>,
}

/// `scale × numerator ÷ denominator`; both are formulas over other metrics.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Formula over metric ids.
    pub numerator: String,
    /// Formula over metric ids.
    pub denominator: String,
    /// Multiplier of the quotient (100 for NPS, 1000 for permille).
    #[serde(default = "one")]
    pub scale: Decimal,
    /// Periods the denominator is taken earlier: 1 = last month at month grain.
    #[serde(default)]
    pub denominator_offset: u32,
}

fn one() -> Decimal {
    Decimal::ONE
}

/// A formula such as `(a - b) / c * 12` over other metrics, computed after each is aggregated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Formula over metric ids.
    pub expression: String,
}

/// A simple metric over the days up to the end of each period.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cumulative {
    /// Id of a simple metric.
    pub metric: String,
    /// How far the days go back.
    pub window: Window,
}

/// Days that end with a period, its last day included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// So many days.
    Days(u32),
    /// So many months: after the same day of the month so many months earlier.
    Months(u32),
    /// From the start of the month, quarter or year the last day lies in.
    ToDate(Grain),
}

/// What stands at the end of each period: added up over dimensions, never over time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// Table in schema `hub`.
    pub source: String,
    /// `count`, `sum` or `count_distinct`.
    pub aggregate: Aggregate,
    /// SQL expression aggregated; absent for `count`.
    #[serde(default)]
    pub expression: Option<String>,
    /// SQL predicate rows must keep.
    #[serde(default)]
    pub filter: Option<String>,
    /// Which rows stand on a day.
    pub stands: Standing,
    /// Dimension id → SQL expression over the source's columns.
    pub dimensions: BTreeMap<String, String>,
}

/// Which rows stand on a day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Standing {
    /// Rows are changes of the stock: all of them up to the day.
    Movements {
        /// Date column of a change.
        time: String,
    },
    /// Rows stand from a day until before another; without one they stand still.
    Interval {
        /// First day, an SQL expression.
        from: String,
        /// First day no more, an SQL expression.
        until: String,
    },
    /// Rows are readings: of each key the newest up to the day.
    Reading {
        /// Date column of a reading.
        time: String,
        /// Columns that name what was read.
        key: Vec<String>,
    },
}

/// Entities that enter, and what follows them within some days. Both sides count on the day of
/// the entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// Who enters, and when.
    pub base: Entry,
    /// What follows.
    pub event: Event,
    /// When it must follow.
    pub within: Within,
    /// Whether only entries count whose days are over; otherwise the newest still grow.
    #[serde(default = "yes")]
    pub mature: bool,
}

fn yes() -> bool {
    true
}

/// Who enters a cohort: at most once a day, with the dimensions of one of the rows of that day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Table in schema `hub`.
    pub source: String,
    /// SQL expression of who enters; rows without are left out.
    pub entity: String,
    /// Date column of the entry.
    pub time: String,
    /// SQL predicate rows must keep.
    #[serde(default)]
    pub filter: Option<String>,
    /// Which rows of an entity are entries.
    #[serde(default)]
    pub entry: EntryRule,
    /// Dimension id → SQL expression over the source's columns.
    pub dimensions: BTreeMap<String, String>,
}

/// Which rows of an entity are entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryRule {
    /// The first ever.
    #[default]
    First,
    /// Every day with a row.
    Each,
}

/// What follows an entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Table in schema `hub`.
    pub source: String,
    /// SQL expression of who it belongs to.
    pub entity: String,
    /// Date column.
    pub time: String,
    /// SQL predicate rows must keep.
    #[serde(default)]
    pub filter: Option<String>,
    /// SQL predicate over `base.…` and `event.…` both must keep together.
    #[serde(default)]
    pub matching: Option<String>,
    /// Cohorts only: what of the events is added up per entry, `count` or `sum`.
    #[serde(default)]
    pub aggregate: Option<Aggregate>,
    /// SQL expression summed.
    #[serde(default)]
    pub expression: Option<String>,
}

/// Days after an entry in which events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// First day: 0 is the day of the entry.
    #[serde(default)]
    pub after: u32,
    /// Last day.
    pub days: u32,
}

/// The formula of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Formula {
    /// One aggregate over one table.
    Simple(Simple),
    /// One formula over another.
    Ratio(Ratio),
    /// A formula.
    Derived(Derived),
    /// A simple metric over a window of days.
    Cumulative(Cumulative),
    /// What stands at the end of a period.
    Stock(Stock),
    /// Share of entries an event follows.
    Conversion(Cohort),
    /// What follows, added up, per entry.
    Cohort(Cohort),
}

impl Formula {
    /// Dimension id → expression, where the formula reads a table itself.
    #[must_use]
    pub fn own_dimensions(&self) -> Option<&BTreeMap<String, String>> {
        match self {
            Self::Simple(simple) => Some(&simple.dimensions),
            Self::Stock(stock) => Some(&stock.dimensions),
            Self::Conversion(cohort) | Self::Cohort(cohort) => Some(&cohort.base.dimensions),
            Self::Ratio(_) | Self::Derived(_) | Self::Cumulative(_) => None,
        }
    }

    /// Tables the formula reads itself.
    #[must_use]
    pub fn sources(&self) -> Vec<&str> {
        match self {
            Self::Simple(simple) => vec![&simple.source],
            Self::Stock(stock) => vec![&stock.source],
            Self::Conversion(cohort) | Self::Cohort(cohort) => {
                vec![&cohort.base.source, &cohort.event.source]
            }
            Self::Ratio(_) | Self::Derived(_) | Self::Cumulative(_) => Vec::new(),
        }
    }

    /// Formulas over other metrics, as written.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Ratio(ratio) => vec![&ratio.numerator, &ratio.denominator],
            Self::Derived(derived) => vec![&derived.expression],
            Self::Cumulative(cumulative) => vec![&cumulative.metric],
            _ => Vec::new(),
        }
    }
}

/// What a period without data shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// 0.
    Zero,
    /// Nothing.
    Null,
    /// The value of the newest period before, within the days asked.
    Last,
}

/// Along what values of disjoint rows may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Additivity {
    /// Along nothing: ratios, distinct counts, medians.
    #[default]
    None,
    /// Over dimensions, not over time: stocks and windows.
    OverDimensions,
    /// Along everything.
    Full,
}

/// A goal, and the day it holds from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// First day; absent: always.
    #[serde(default)]
    pub from: Option<NaiveDate>,
    /// The goal.
    pub value: Decimal,
}

/// One metric of `queries/metrics/*.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MetricDefinition {
    /// Stable id.
    pub id: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// What it says, and what it leaves out.
    pub description: String,
    /// Unit of the value.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// Whether values of disjoint rows may be added.
    #[serde(default)]
    pub additive: bool,
    /// Hidden from the catalogue: only an input of others.
    #[serde(default)]
    pub private: bool,
    /// Who answers for the definition.
    #[serde(default)]
    pub owner: String,
    /// Definition version, raised with every change of meaning.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Grain boards show it in unless told otherwise.
    #[serde(default)]
    pub default_grain: Option<Grain>,
    /// What a period without data shows; absent: 0 for counts and sums, nothing otherwise.
    #[serde(default)]
    pub gaps: Option<Gaps>,
    /// Goals of a metric that does not add up; those of sums are rows of `hub.target`.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// Only these of the dimensions its inputs share; absent: all of them.
    #[serde(default)]
    pub allowed_dimensions: Option<Vec<String>>,
    /// Independent check query: `queries/checks/<id>.sql`.
    #[serde(skip)]
    pub check: Option<String>,
    /// Along what values may be added, as it follows from the formula.
    #[serde(skip)]
    pub additivity: Additivity,
    /// How it is computed.
    #[serde(flatten)]
    pub formula: Formula,
}

fn first_version() -> u32 {
    1
}

impl MetricDefinition {
    /// The goal that holds on `day`.
    #[must_use]
    pub fn target_on(&self, day: NaiveDate) -> Option<Decimal> {
        let holds = self.targets.iter().filter(|target| target.from.is_none_or(|it| it <= day));
        holds.max_by_key(|target| target.from).map(|target| target.value)
    }
}

/// One file of `queries/metrics`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricFamily {
    /// Family name, equal to the file name.
    pub family: String,
    /// Metrics of the family.
    pub metrics: Vec<MetricDefinition>,
}

/// A dimension all metrics share: `queries/metrics/dimensions.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Id used in `groupBy` and filters.
    pub id: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// Table of schema `hub` that holds the labels of the values.
    #[serde(default)]
    pub label_table: Option<String>,
    /// Its column with the value.
    #[serde(default)]
    pub label_key: Option<String>,
    /// Its column with the label.
    #[serde(default)]
    pub label_column: Option<String>,
    /// Labels of a few fixed values, where no table holds them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How it follows from another dimension and the day.
    #[serde(default)]
    pub rollup: Option<Rollup>,
}

/// A dimension looked up by another one as of the day of a row, such as the brand a site belonged
/// to then. The newest row from on or before the day holds; a table that names a key twice for
/// the same day never doubles anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollup {
    /// Dimension it follows from.
    pub of: String,
    /// Table of schema `hub`.
    pub table: String,
    /// Its column with the value of that dimension.
    pub key: String,
    /// Its column with the first day of a row.
    pub valid_from: String,
    /// Its column with the value.
    pub column: String,
}
