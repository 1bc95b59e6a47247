//! The SQL in metrics, one expression at a time, so that a problem stands at its own line.
//!
//! Knows types: a predicate is true or false, money is whole fen, what is summed is a number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchema, SchemaError};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use hub_domain::metric::{Aggregate, Formula, MetricDefinition, Standing, Unit};
use hub_domain::project::Problem;

use super::check::near;
use super::{Registry, plan};

/// An expression of a definition over the rows of a table.
struct Field<'a> {
    path: Vec<&'a str>,
    source: &'a str,
    text: &'a str,
    /// Whether rows are kept by it.
    keeps: bool,
    /// How it is aggregated.
    aggregate: Option<Aggregate>,
}

/// Plans the expressions of every metric over empty `tables`; ids of those with problems.
pub(super) fn plan_fields(
    registry: &Registry,
    state: &SessionState,
    tables: &BTreeMap<String, Arc<dyn TableProvider>>,
    problems: &mut Vec<Problem>,
) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    for metric in registry.metrics.values() {
        let place = registry.place("metric", &metric.id);
        for field in fields(&metric.formula) {
            let Some(table) = tables.get(field.source) else { continue };
            let fault = match data_type(state, field.source, table.as_ref(), field.text) {
                Err(error) => Some(told(&error)),
                Ok(found) => unfit(metric, &field, &found),
            };
            if let Some((what, hint)) = fault {
                broken.insert(metric.id.clone());
                problems.push(place.problem(&field.path, what, hint));
            }
        }
    }
    broken
}

/// Every expression of a formula that stands alone.
fn fields(formula: &Formula) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let mut add = |path: &[&'static str], source, text, keeps, aggregate| {
        fields.push(Field { path: path.to_vec(), source, text, keeps, aggregate });
    };
    match formula {
        Formula::Simple(it) => {
            it.filter.iter().for_each(|text| add(&["filter"], &*it.source, &**text, true, None));
            let aggregate = Some(it.aggregate);
            let summed = it.expression.iter();
            summed.for_each(|text| add(&["expression"], &it.source, text, false, aggregate));
        }
        Formula::Stock(it) => {
            it.filter.iter().for_each(|text| add(&["filter"], &*it.source, &**text, true, None));
            let aggregate = Some(it.aggregate);
            let summed = it.expression.iter();
            summed.for_each(|text| add(&["expression"], &it.source, text, false, aggregate));
            if let Standing::Interval { from, until } = &it.stands {
                for (key, text) in [("from", from), ("until", until)] {
                    add(&["stands", "interval", key], &it.source, text, false, None);
                }
            }
        }
        Formula::Conversion(it) | Formula::Cohort(it) => {
            let (base, event) = (&it.base, &it.event);
            add(&["base", "entity"], &base.source, &base.entity, false, None);
            add(&["event", "entity"], &event.source, &event.entity, false, None);
            let kept = base.filter.iter();
            kept.for_each(|text| add(&["base", "filter"], &base.source, text, true, None));
            let kept = event.filter.iter();
            kept.for_each(|text| add(&["event", "filter"], &event.source, text, true, None));
            let summed = event.expression.iter();
            summed.for_each(|text| {
                add(&["event", "expression"], &event.source, text, false, event.aggregate);
            });
        }
        Formula::Ratio(_) | Formula::Derived(_) | Formula::Cumulative(_) => {}
    }
    let entries = matches!(formula, Formula::Conversion(_) | Formula::Cohort(_));
    let source = formula.sources().first().copied().unwrap_or_default();
    for (id, text) in formula.own_dimensions().into_iter().flatten() {
        let mut path = if entries { vec!["base"] } else { Vec::new() };
        path.extend(["dimensions", id]);
        fields.push(Field { path, source, text, keeps: false, aggregate: None });
    }
    fields
}

/// Type of an expression over the rows of `table`.
pub(super) fn data_type(
    state: &SessionState,
    source: &str,
    table: &dyn TableProvider,
    text: &str,
) -> Result<DataType> {
    let schema = table.schema();
    let qualified = DFSchema::try_from_qualified_schema(source, schema.as_ref())?;
    let expression = state.create_logical_expr(text, &qualified)?;
    let physical = state.create_physical_expr(expression, &qualified)?;
    physical.data_type(&schema)
}

/// Why an expression of type `found` does not fit its use, and what to do.
fn unfit(
    metric: &MetricDefinition,
    field: &Field<'_>,
    found: &DataType,
) -> Option<(String, Option<String>)> {
    let fault = |what: String, hint: &str| Some((what, Some(hint.to_owned())));
    if field.keeps && !matches!(found, DataType::Boolean | DataType::Null) {
        let what = format!("the filter is `{found}`, not `Boolean`");
        return fault(what, "a filter is true for the rows that count");
    }
    if field.aggregate != Some(Aggregate::Sum) {
        return None;
    }
    if !found.is_integer() && !matches!(found, DataType::Decimal128(_, _)) {
        let what = format!("`{}` sums `{found}`", metric.id);
        return fault(what, "sum whole or decimal numbers; floats are not exact");
    }
    if metric.unit == Unit::Fen && !found.is_integer() {
        let what = format!("`{}` is in fen and sums `{found}`", metric.id);
        return fault(what, "money is whole fen: sum an `int64` column such as `amount_fen`");
    }
    None
}

/// A planning failure in the words of definitions.
pub(super) fn told(error: &DataFusionError) -> (String, Option<String>) {
    if let DataFusionError::SchemaError(inner, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = inner.as_ref()
    {
        let names = valid_fields.iter().map(|valid| valid.name.as_str());
        return (format!("no column `{}`", field.name), near(&field.name, names));
    }
    (plan::text(error), None)
}
