//! Questions about metrics and their answers.

use async_graphql::connection::PageInfo;
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, SimpleObject};
use hub_domain::metric as domain;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::calendar::{DateRange, Grain};
use crate::graphql::model::metric::MetricDefinition;
use crate::graphql::model::snapshot::Freshness;
use crate::graphql::page;
use crate::graphql::scalars::{Date, Decimal};

/// Restricts rows by one dimension. Conditions given together must all hold.
#[derive(InputObject)]
pub(crate) struct DimensionFilter {
    /// Dimension id.
    dimension: String,
    /// The value must be one of these.
    #[graphql(name = "in")]
    any_of: Option<Vec<String>>,
    /// The value must be none of these; rows without a value pass.
    #[graphql(name = "notIn")]
    none_of: Option<Vec<String>>,
    /// Rows must (not) lack a value.
    is_null: Option<bool>,
}

impl From<DimensionFilter> for domain::DimensionFilter {
    fn from(filter: DimensionFilter) -> Self {
        Self {
            dimension: filter.dimension,
            any_of: filter.any_of,
            none_of: filter.none_of,
            is_null: filter.is_null,
        }
    }
}

/// Filters of an optional argument.
pub(crate) fn filters(filter: Option<Vec<DimensionFilter>>) -> Vec<domain::DimensionFilter> {
    filter.unwrap_or_default().into_iter().map(domain::DimensionFilter::from).collect()
}

/// Comparison of a value with a threshold.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::metric::Operator")]
pub(crate) enum Operator {
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

/// Keeps rows by a metric's value.
#[derive(InputObject)]
pub(crate) struct MetricFilter {
    /// Metric id, one of the queried.
    metric: ID,
    /// Comparison.
    op: Operator,
    /// Right side.
    value: Decimal,
}

/// Which earlier range is shown beside a value.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::metric::Compare")]
pub(crate) enum Compare {
    /// The range of equal length before, or the period before at a grain.
    PreviousPeriod,
    /// The same days a year earlier.
    SamePeriodLastYear,
    /// The days of the year before that lie as far from its Spring Festival; by day, by week, or
    /// without a grain.
    SpringFestivalLastYear,
}

/// Order of rows.
#[derive(InputObject)]
pub(crate) struct MetricsOrder {
    /// Metric id, dimension id, or `period`.
    by: String,
    /// Largest first.
    #[graphql(default)]
    descending: bool,
}

/// A question about metrics.
#[derive(InputObject)]
pub(crate) struct MetricsInput {
    /// Metric ids, at least one.
    metrics: Vec<ID>,
    /// Dimension ids.
    group_by: Option<Vec<String>>,
    /// Length of a period; null: one row for the range.
    grain: Option<Grain>,
    /// Days asked for.
    range: DateRange,
    /// All must hold.
    filter: Option<Vec<DimensionFilter>>,
    /// All must hold.
    having: Option<Vec<MetricFilter>>,
    /// Comparison with an earlier range.
    compare: Option<Compare>,
    /// Order; by period, then dimension values when absent.
    order_by: Option<Vec<MetricsOrder>>,
    /// Count distinct values approximately, which is faster; such values say so.
    #[graphql(default)]
    approximate: bool,
    /// Rows of the page.
    first: Option<i32>,
    /// Cursor the page starts after.
    after: Option<String>,
}

impl MetricsInput {
    /// The domain's question.
    pub(crate) fn checked(self) -> Result<domain::MetricsQuery> {
        let having = self.having.unwrap_or_default().into_iter();
        let order = self.order_by.unwrap_or_default().into_iter();
        Ok(domain::MetricsQuery {
            metrics: self.metrics.into_iter().map(|id| id.0).collect(),
            group_by: self.group_by.unwrap_or_default(),
            grain: self.grain.map(Into::into),
            range: self.range.checked()?,
            filter: filters(self.filter),
            having: having
                .map(|filter| domain::MetricFilter {
                    metric: filter.metric.0,
                    op: filter.op.into(),
                    value: filter.value.0,
                })
                .collect(),
            compare: self.compare.map(Into::into),
            order_by: order
                .map(|order| domain::MetricsOrder { by: order.by, descending: order.descending })
                .collect(),
            approximate: self.approximate,
            page: page::request(self.first, self.after)?,
        })
    }
}

/// A dimension's value in one row.
#[derive(SimpleObject)]
pub(crate) struct DimensionValue {
    /// Dimension id.
    id: ID,
    /// Value; null where rows have none.
    value: Option<String>,
    /// Label for people.
    label: Option<String>,
}

/// A metric's value in one row. Money is in fen.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct MetricValue {
    /// Metric id.
    metric: ID,
    /// The value; null when there was nothing to divide, or it is suppressed.
    value: Option<Decimal>,
    /// Numerator of ratios, conversions and cohorts; the value itself of any other metric.
    numerator: Option<Decimal>,
    /// Denominator of ratios; entries of conversions and cohorts.
    denominator: Option<Decimal>,
    /// Value of the compared period.
    compare: Option<Decimal>,
    /// Hidden because too few persons stand behind it.
    suppressed: bool,
    /// Counted approximately, because the question allowed it.
    approximate: bool,
}

#[ComplexObject]
impl MetricValue {
    /// What the metric says.
    async fn definition(&self, ctx: &Context<'_>) -> Option<MetricDefinition> {
        let catalog = ctx.scope().state.warehouse.metric_catalog();
        catalog.into_iter().find(|metric| metric.id == *self.metric).map(MetricDefinition::from)
    }
}

/// One row of an answer.
#[derive(SimpleObject)]
pub(crate) struct MetricsRow {
    /// First day of the period; null without a grain.
    period: Option<Date>,
    /// Values of `groupBy`, in order.
    dimensions: Vec<DimensionValue>,
    /// Values of `metrics`, in order.
    values: Vec<MetricValue>,
}

/// An answer about metrics.
#[derive(SimpleObject)]
pub(crate) struct MetricsResult {
    /// Rows of this page.
    rows: Vec<MetricsRow>,
    /// Aggregates of every filtered, permitted row; never of the page.
    totals: Vec<MetricValue>,
    /// Where this page ends.
    page_info: PageInfo,
    /// How fresh the data is.
    freshness: Freshness,
    /// Statements that were run; only for callers that see the whole group.
    sql: Option<String>,
}

impl MetricsResult {
    /// The answer as its caller may see it.
    pub(crate) fn new(answer: domain::MetricsResult, later_page: bool, show_sql: bool) -> Self {
        Self {
            rows: answer.rows.into_iter().map(MetricsRow::from).collect(),
            totals: answer.totals.into_iter().map(MetricValue::from).collect(),
            page_info: PageInfo {
                has_previous_page: later_page,
                has_next_page: answer.has_next_page,
                start_cursor: answer.cursors.first().cloned(),
                end_cursor: answer.cursors.last().cloned(),
            },
            freshness: answer.freshness.into(),
            sql: show_sql.then(|| answer.sql.join(";\n")),
        }
    }
}

impl From<domain::MetricsRow> for MetricsRow {
    fn from(row: domain::MetricsRow) -> Self {
        Self {
            period: row.period.map(Date::from),
            dimensions: row.dimensions.into_iter().map(DimensionValue::from).collect(),
            values: row.values.into_iter().map(MetricValue::from).collect(),
        }
    }
}

impl From<domain::DimensionValue> for DimensionValue {
    fn from(value: domain::DimensionValue) -> Self {
        Self { id: ID(value.id), value: value.value, label: value.label }
    }
}

impl From<domain::MetricValue> for MetricValue {
    fn from(value: domain::MetricValue) -> Self {
        Self {
            metric: ID(value.metric),
            value: value.value.map(Decimal::from),
            numerator: value.numerator.map(Decimal::from),
            denominator: value.denominator.map(Decimal::from),
            compare: value.compare.map(Decimal::from),
            suppressed: value.suppressed,
            approximate: value.approximate,
        }
    }
}
