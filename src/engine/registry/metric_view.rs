//! `metrics.<id>`: a metric as a table, for people who write SQL.
//!
//! One row per period and combination of every dimension the metric has (NULL where rows have
//! none): `period` (a clinic-local day), the dimensions by id, `value`, `numerator`,
//! `denominator`. Additive metrics may be summed over rows; of ratios, sum numerators and
//! denominators and divide last (`scale` is in `value` only). Metrics whose denominator lies some
//! periods earlier exist by month only: their `period` is the first of the month.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, DFSchemaRef, ScalarValue, plan_datafusion_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::functions::expr_fn::{coalesce, date_trunc, nullif};
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, sum};
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, cast, lit,
};
use hub_domain::metric::{Aggregate, Formula, MetricDefinition};

use super::{Registry, Term, terms};

/// Quotients in views: 12 decimals, as the readers give them.
const QUOTIENT: DataType = DataType::Decimal128(38, 12);
/// Sums in which an input is not a whole number.
const SUM: DataType = DataType::Decimal128(38, 4);

/// Builds the plan of a metric's view. `tables` gives the source tables by name.
pub(crate) struct ViewBuilder<'a> {
    registry: &'a Registry,
    state: &'a SessionState,
    tables: &'a dyn Fn(&str) -> Option<Arc<dyn TableProvider>>,
}

/// The plan behind `metrics.<id>`.
///
/// # Errors
/// Planning errors of the metric's expressions; unknown tables.
pub(crate) fn metric_view(
    registry: &Registry,
    metric: &MetricDefinition,
    state: &SessionState,
    tables: &dyn Fn(&str) -> Option<Arc<dyn TableProvider>>,
) -> Result<LogicalPlan> {
    ViewBuilder { registry, state, tables }.build(metric)
}

/// Columns terms are summed into: both sides, and what a side that is a quotient is divided by.
const SIDES: [&str; 4] = ["numerator", "numerator_base", "denominator", "denominator_base"];

/// Terms with the side they count in and how many months later they count there.
struct Placed {
    term: Term,
    side: usize,
    months_later: Option<u32>,
}

impl ViewBuilder<'_> {
    fn build(&self, metric: &MetricDefinition) -> Result<LogicalPlan> {
        let dimensions: Vec<String> =
            self.registry.metric_dimensions(&metric.id).into_iter().map(|d| d.id).collect();
        let placed = self.placed(metric)?;
        let grouped = placed
            .iter()
            .map(|placed| self.term(placed, &dimensions))
            .collect::<Result<Vec<_>>>()?;
        // One type for all, decided before they are united.
        let kind = if grouped.iter().all(is_whole) { DataType::Int64 } else { SUM };
        let mut rows: Option<LogicalPlanBuilder> = None;
        for (placed, plan) in placed.iter().zip(grouped) {
            let plan = show(plan, placed, &dimensions, &kind)?;
            rows = Some(match rows {
                None => LogicalPlanBuilder::from(plan),
                Some(before) => before.union(plan)?,
            });
        }
        let rows = rows.ok_or_else(|| plan_datafusion_err!("metric `{}` is empty", metric.id))?;
        let used: Vec<bool> =
            (0..SIDES.len()).map(|side| placed.iter().any(|placed| placed.side == side)).collect();
        fold(rows, metric, &dimensions, &used)
    }

    /// Every simple metric behind `metric`, with the side it counts in.
    fn placed(&self, metric: &MetricDefinition) -> Result<Vec<Placed>> {
        let (sides, offset) = match &metric.formula {
            Formula::Simple { .. } => (vec![(0, metric.id.as_str())], 0),
            Formula::Derived { expression } => (vec![(0, expression.as_str())], 0),
            Formula::Ratio { numerator, denominator, denominator_offset, .. } => {
                (vec![(0, numerator.as_str()), (2, denominator.as_str())], *denominator_offset)
            }
        };
        let mut placed = Vec::new();
        for (side, text) in sides {
            let months_later = (offset > 0).then_some(if side == 2 { offset } else { 0 });
            let inner = self.registry.metric(text.trim()).map(|inner| &inner.formula);
            let sums = match inner {
                Some(Formula::Ratio { numerator, denominator, .. }) => {
                    vec![(side, numerator.as_str()), (side + 1, denominator.as_str())]
                }
                _ => vec![(side, text)],
            };
            for (side, sum) in sums {
                let terms = terms::parse(sum).map_err(|what| plan_datafusion_err!("{what}"))?;
                placed.extend(terms.into_iter().map(|term| Placed { term, side, months_later }));
            }
        }
        Ok(placed)
    }

    /// `period, dimensions…, total` of one simple metric.
    fn term(&self, placed: &Placed, dimensions: &[String]) -> Result<LogicalPlan> {
        let term = &placed.term;
        let formula = self.registry.metric(&term.metric).map(|metric| &metric.formula);
        let Some(Formula::Simple { source, aggregate, expression, filter, time, dimensions: own }) =
            formula
        else {
            return datafusion::common::plan_err!("`{}` is not a simple metric", term.metric);
        };
        let table = (self.tables)(source)
            .ok_or_else(|| plan_datafusion_err!("table `hub.{source}` is not there"))?;
        let mut scan = LogicalPlanBuilder::scan(source.as_str(), provider_as_source(table), None)?;
        let schema = Arc::clone(scan.schema());
        if let Some(filter) = filter {
            scan = scan.filter(self.parse(filter, &schema)?)?;
        }
        let day = self.parse(time, &schema)?;
        let mut keys = vec![period(day, placed.months_later).alias("period")];
        for id in dimensions {
            let expression = own
                .get(id)
                .ok_or_else(|| plan_datafusion_err!("`{}` lacks dimension `{id}`", term.metric))?;
            keys.push(cast(self.parse(expression, &schema)?, DataType::Utf8).alias(id));
        }
        let argument = expression.as_deref().map(|text| self.parse(text, &schema)).transpose()?;
        let total = match (aggregate, argument) {
            (Aggregate::Count, _) | (_, None) => count(lit(1_i64)),
            (Aggregate::Sum, Some(argument)) => sum(argument),
            (Aggregate::CountDistinct, Some(argument)) => count_distinct(argument),
        };
        scan.aggregate(keys, vec![total.alias("total")])?.build()
    }

    fn parse(&self, text: &str, schema: &DFSchemaRef) -> Result<Expr> {
        self.state.create_logical_expr(text, schema)
    }
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// Adds the united terms up per period and dimensions, and divides last.
fn fold(
    rows: LogicalPlanBuilder,
    metric: &MetricDefinition,
    dimensions: &[String],
    used: &[bool],
) -> Result<LogicalPlan> {
    let mut keys = vec![column("period")];
    keys.extend(dimensions.iter().map(|id| column(id)));
    let sums = SIDES.map(|side| sum(column(side)).alias(side)).to_vec();
    let folded = rows.aggregate(keys.clone(), sums)?;
    // A side without rows is 0, as for the readers: none of five won is 0, not unknown.
    let total = |index: usize| match used[index] {
        true => coalesce(vec![column(SIDES[index]), lit(0_i64)]),
        false => column(SIDES[index]),
    };
    let side = |index: usize| match used[index + 1] {
        true => quotient(total(index), total(index + 1)),
        false => total(index),
    };
    let value = match &metric.formula {
        Formula::Ratio { scale, .. } => {
            let places = i8::try_from(scale.scale()).unwrap_or(0);
            let scale = ScalarValue::Decimal128(Some(scale.mantissa()), 38, places);
            let scaled = binary(side(0), Operator::Multiply, lit(scale));
            quotient(scaled, side(2))
        }
        _ => total(0),
    };
    keys.push(value.alias("value"));
    keys.push(side(0).alias("numerator"));
    keys.push(side(2).alias("denominator"));
    folded.project(keys)?.build()
}

/// NULL where the divisor is zero. Divides with room to spare and rounds once, so that the digits
/// are those the readers give.
fn quotient(dividend: Expr, divisor: Expr) -> Expr {
    let divided = binary(cast(dividend, QUOTIENT), Operator::Divide, nullif(divisor, lit(0_i64)));
    cast(divided, QUOTIENT)
}

/// The day itself, or the first of the month some months later.
fn period(time: Expr, months_later: Option<u32>) -> Expr {
    let Some(months) = months_later else { return time };
    let instant = cast(time, DataType::Timestamp(TimeUnit::Microsecond, None));
    let month = date_trunc(lit("month"), instant);
    let later = lit(ScalarValue::new_interval_ym(0, i32::try_from(months).unwrap_or(0)));
    cast(binary(cast(month, DataType::Date32), Operator::Plus, later), DataType::Date32)
}

/// Whether the totals are integers; then sums of them are too.
fn is_whole(plan: &LogicalPlan) -> bool {
    let total = plan.schema().as_arrow().field_with_name("total");
    total.is_ok_and(|field| field.data_type().is_integer())
}

/// Signed totals in the column of their side; the other columns are NULL.
fn show(
    grouped: LogicalPlan,
    placed: &Placed,
    dimensions: &[String],
    kind: &DataType,
) -> Result<LogicalPlan> {
    let total = cast(column("total"), kind.clone());
    let signed = if placed.term.sign < 0 { Expr::Negative(Box::new(total)) } else { total };
    let mut shown = vec![column("period")];
    shown.extend(dimensions.iter().map(|id| column(id)));
    for (index, side) in SIDES.into_iter().enumerate() {
        let value = match index == placed.side {
            true => signed.clone(),
            false => cast(lit(ScalarValue::Null), kind.clone()),
        };
        shown.push(value.alias(side));
    }
    LogicalPlanBuilder::from(grouped).project(shown)?.build()
}
