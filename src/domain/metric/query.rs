//! Questions about metrics and their answers.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::calendar::{DateRange, Grain};
use crate::page::PageRequest;
use crate::snapshot::Freshness;

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
    /// The days of the year before that lie as far from its Spring Festival.
    SpringFestivalLastYear,
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
    /// Distinct values may be counted approximately; such answers say so.
    pub approximate: bool,
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
            approximate: false,
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
    /// Numerator of ratios, conversions and cohorts; the value itself of any other metric.
    pub numerator: Option<Decimal>,
    /// Denominator of ratios; entries of conversions and cohorts.
    pub denominator: Option<Decimal>,
    /// Value of the compared period.
    pub compare: Option<Decimal>,
    /// Hidden because too few persons stand behind it.
    pub suppressed: bool,
    /// Counted approximately, because the question allowed it.
    pub approximate: bool,
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
