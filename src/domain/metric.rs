//! Metric definitions, queries and answers. One name is one formula.
//!
//! A ratio is never stored: numerator and denominator are summed apart and divided last.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::calendar::{DateRange, Grain};
use crate::page::PageRequest;
use crate::snapshot::Freshness;

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things.
    Count,
    /// Integer fen.
    Fen,
    /// Plain quotient; boards show it as a percentage.
    Ratio,
    /// Per thousand: the quotient is already multiplied by 1000.
    Permille,
    /// −100…100: the quotient is already multiplied by 100.
    Score,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Neither.
    Neutral,
}

/// How rows become a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Number of rows.
    Count,
    /// Sum of an expression.
    Sum,
    /// Number of distinct values of an expression; not additive.
    CountDistinct,
}

/// The formula of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Formula {
    /// One aggregate over one table of schema `hub`.
    Simple {
        /// Table in schema `hub`.
        source: String,
        /// Aggregate.
        aggregate: Aggregate,
        /// SQL expression aggregated; absent for `count`.
        #[serde(default)]
        expression: Option<String>,
        /// SQL predicate rows must keep.
        #[serde(default)]
        filter: Option<String>,
        /// Date column that places a row in time.
        time: String,
        /// Dimension id → SQL expression over the source's columns.
        dimensions: BTreeMap<String, String>,
    },
    /// `scale × numerator ÷ denominator`; both are sums such as `a - b + c` of simple metric ids.
    Ratio {
        /// Sum of metric ids.
        numerator: String,
        /// Sum of metric ids.
        denominator: String,
        /// Multiplier of the quotient (100 for NPS, 1000 for permille).
        #[serde(default = "one")]
        scale: Decimal,
        /// Periods the denominator is taken earlier: 1 = last month at month grain.
        #[serde(default)]
        denominator_offset: u32,
    },
    /// A sum such as `a - b + c` of simple metric ids.
    Derived {
        /// Sum of metric ids.
        expression: String,
    },
}

fn one() -> Decimal {
    Decimal::ONE
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
    /// How it is computed.
    #[serde(flatten)]
    pub formula: Formula,
}

fn first_version() -> u32 {
    1
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
}

/// Restricts rows by one dimension. Conditions given together must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DimensionFilter {
    /// Dimension id.
    pub dimension: String,
    /// Value must be one of these.
    pub any_of: Option<Vec<String>>,
    /// Value must be none of these; NULL passes.
    pub none_of: Option<Vec<String>>,
    /// Value must (not) be NULL.
    pub is_null: Option<bool>,
}

/// Comparison operator of `having` and of alert conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Less than.
    Lt,
    /// At most.
    Lte,
    /// More than.
    Gt,
    /// At least.
    Gte,
    /// Equal.
    Eq,
}

impl Operator {
    /// Whether `left op right`.
    #[must_use]
    pub fn holds(self, left: Decimal, right: Decimal) -> bool {
        match self {
            Self::Lt => left < right,
            Self::Lte => left <= right,
            Self::Gt => left > right,
            Self::Gte => left >= right,
            Self::Eq => left == right,
        }
    }
}

/// Keeps rows by a metric's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricFilter {
    /// Metric id, one of the queried.
    pub metric: String,
    /// Operator.
    pub op: Operator,
    /// Right side.
    pub value: Decimal,
}

/// Which earlier range is shown beside a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// [`DateRange::previous`], or the period before at a grain.
    PreviousPeriod,
    /// The same days a year earlier.
    SamePeriodLastYear,
}

/// Order of result rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricsOrder {
    /// Metric id, dimension id, or `period`.
    pub by: String,
    /// Largest first.
    pub descending: bool,
}

/// A question about metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricsQuery {
    /// Metric ids, at least one.
    pub metrics: Vec<String>,
    /// Dimension ids.
    pub group_by: Vec<String>,
    /// Length of a period; none gives one row for the whole range.
    pub grain: Option<Grain>,
    /// Days asked for.
    pub range: DateRange,
    /// All must hold.
    pub filter: Vec<DimensionFilter>,
    /// All must hold.
    pub having: Vec<MetricFilter>,
    /// Comparison.
    pub compare: Option<Compare>,
    /// Order; by period, then dimension values when empty.
    pub order_by: Vec<MetricsOrder>,
    /// Page of rows.
    pub page: PageRequest,
}

impl MetricsQuery {
    /// A query for `metrics` over `range`: one row, no filter.
    #[must_use]
    pub fn total(metrics: &[&str], range: DateRange) -> Self {
        Self {
            metrics: metrics.iter().map(|id| (*id).to_owned()).collect(),
            group_by: Vec::new(),
            grain: None,
            range,
            filter: Vec::new(),
            having: Vec::new(),
            compare: None,
            order_by: Vec::new(),
            page: PageRequest { first: PageRequest::MAX, after: None },
        }
    }
}

/// A dimension's value in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DimensionValue {
    /// Dimension id.
    pub id: String,
    /// Value; none where rows have NULL.
    pub value: Option<String>,
    /// Label for people.
    pub label: Option<String>,
}

/// A metric's value in one row. Money is in fen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricValue {
    /// Metric id.
    pub metric: String,
    /// The value; none when the denominator is zero or nothing was there to divide.
    pub value: Option<Decimal>,
    /// Summed numerator, or the value itself of simple and derived metrics.
    pub numerator: Option<Decimal>,
    /// Summed denominator of ratios.
    pub denominator: Option<Decimal>,
    /// Value of the compared period.
    pub compare: Option<Decimal>,
    /// Hidden because too few persons stand behind it.
    pub suppressed: bool,
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsRow {
    /// First day of the period; none without a grain.
    pub period: Option<NaiveDate>,
    /// Values of `group_by`, in order.
    pub dimensions: Vec<DimensionValue>,
    /// Values of `metrics`, in order.
    pub values: Vec<MetricValue>,
}

/// An answer about metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsResult {
    /// Rows of this page.
    pub rows: Vec<MetricsRow>,
    /// Aggregates of every filtered, permitted row; never of the page.
    pub totals: Vec<MetricValue>,
    /// Cursor of each row, in order.
    pub cursors: Vec<String>,
    /// Whether rows follow.
    pub has_next_page: bool,
    /// How fresh the data is.
    pub freshness: Freshness,
    /// SQL that was run, one statement per input; shown to group principals only.
    pub sql: Vec<String>,
}
