//! `metrics.<id>`: a metric as a table, for people who write SQL.
//!
//! One row per period and combination of every dimension the metric has (NULL where rows have
//! none): `period` (a clinic-local day), the dimensions by id, `value`, `numerator`,
//! `denominator`. Additive metrics may be summed over rows; of ratios, sum numerators and
//! denominators and divide last (a scale is in `value` only). Windows and stocks have a row for
//! every day of the last ten years on which they hold anything: read one `period`, never add
//! several. Metrics whose denominator lies some periods earlier exist by month only: their
//! `period` is the first of the month.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::NaiveDate;
use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use datafusion::common::{Column, plan_datafusion_err, plan_err};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, ScalarUDF, lit,
};
use hub_domain::metric::{Aggregate, Arithmetic, Dimension, Expression, Gaps, MetricDefinition};

use super::Registry;
use crate::context::{CATALOG, HUB};
use crate::readers::formula::{self, Atom, Resolved};
use crate::readers::metrics::compile::{Axis, rolled_axis};
use crate::readers::metrics::measure::{Measure, Reach, aggregate_text, measure};
use crate::readers::metrics::position::{Positions, first_day_expression};
use crate::udf::MetricFormula;

/// Days a view of a window or stock goes back.
const DAYS: i32 = 3_660;
/// The table of these days.
const ASKED_DAY: &str = "asked_day";

/// Builds the plan of a metric's view.
struct ViewBuilder<'a> {
    registry: &'a Registry,
    state: SessionState,
    dimensions: Vec<Dimension>,
    /// Whether periods are months, because an input lies some months earlier.
    by_month: bool,
    through: NaiveDate,
}

/// The plan behind `metrics.<id>` over `tables`, which must hold every table of
/// [`Registry::metric_tables`]; `through` is the last day of the data.
///
/// # Errors
/// Planning errors of the metric's expressions; unknown tables.
pub(crate) async fn metric_view(
    registry: &Registry,
    metric: &MetricDefinition,
    state: &SessionState,
    tables: BTreeMap<String, Arc<dyn TableProvider>>,
    through: NaiveDate,
) -> Result<LogicalPlan> {
    let resolved = formula::resolve(metric, &|id: &str| registry.metric(id))
        .map_err(|what| plan_datafusion_err!("{what}"))?;
    let builder = ViewBuilder {
        registry,
        state: state_over(state, tables, through)?,
        dimensions: registry.metric_dimensions(&metric.id),
        by_month: resolved.atoms().iter().any(|atom| atom.earlier > 0),
        through,
    };
    builder.build(metric, &resolved).await
}

/// The state with a catalog of just these tables, so that text means them and nothing else.
fn state_over(
    state: &SessionState,
    tables: BTreeMap<String, Arc<dyn TableProvider>>,
    through: NaiveDate,
) -> Result<SessionState> {
    let schema = MemorySchemaProvider::new();
    for (name, table) in tables {
        schema.register_table(name, table)?;
    }
    let last = (through - NaiveDate::default()).num_days();
    let last = i32::try_from(last).unwrap_or_default();
    let fields = vec![Field::new("asked_until", DataType::Date32, false)];
    let columns = Arc::new(Schema::new(fields));
    let days = Date32Array::from_iter_values(last - DAYS..=last);
    let batch = RecordBatch::try_new(Arc::clone(&columns), vec![Arc::new(days)])?;
    let days = MemTable::try_new(columns, vec![vec![batch]])?;
    schema.register_table(ASKED_DAY.to_owned(), Arc::new(days))?;
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(HUB, Arc::new(schema))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    let builder = SessionStateBuilder::new_from_existing(state.clone());
    Ok(builder.with_catalog_list(Arc::new(catalogs)).build())
}

impl ViewBuilder<'_> {
    async fn build(&self, metric: &MetricDefinition, resolved: &Resolved) -> Result<LogicalPlan> {
        let atoms: Vec<&Atom> = resolved.atoms().into_iter().collect();
        let mut texts = Vec::with_capacity(atoms.len());
        let mut whole = true;
        for atom in &atoms {
            let text = self.input(atom)?;
            let plan = self.state.create_logical_plan(&text).await?;
            let total = plan.schema().as_arrow().field_with_name("total")?.data_type().clone();
            whole &= total.is_integer();
            texts.push(text);
        }
        // One type for all, decided before they are united.
        let kind = if whole { "bigint" } else { "decimal(38, 4)" };
        let plan = self.state.create_logical_plan(&self.united(&atoms, &texts, kind)).await?;
        self.computed(plan, metric, resolved, &atoms)
    }

    /// `period, dimensions…, total` of one input.
    fn input(&self, atom: &Atom) -> Result<String> {
        let find = |id: &str| self.registry.metric(id);
        let definition = find(&atom.metric);
        let measured = definition
            .and_then(|definition| measure(definition, atom.side, &find, false, self.through));
        let Some(mut measured) = measured else {
            return plan_err!("`{}` aggregates no rows", atom.metric);
        };
        let mut axes = Vec::with_capacity(self.dimensions.len());
        for dimension in &self.dimensions {
            let own = measured.dimensions.get(&dimension.id).cloned();
            let plain = || own.map(|expression| Axis { expression, rollup: None });
            let axis = rolled_axis(&mut measured, &dimension.id, dimension.rollup.as_ref());
            axes.push(axis.or_else(plain).ok_or_else(|| {
                plan_datafusion_err!("`{}` lacks dimension `{}`", atom.metric, dimension.id)
            })?);
        }
        match measured.reach {
            Reach::Period => Ok(self.flow(atom, &measured, &axes)),
            _ if self.by_month => {
                plan_err!("`{}` stands at the end of a period: no offset", atom.metric)
            }
            _ => Ok(self.position(&measured, &axes)),
        }
    }

    fn flow(&self, atom: &Atom, measured: &Measure<'_>, axes: &[Axis]) -> String {
        let time = &measured.time;
        let period = match self.by_month {
            true => format!(
                "cast(cast(date_trunc('month', {time}) as date) + interval '{} months' as date)",
                atom.earlier
            ),
            false => time.clone(),
        };
        let mut columns = vec![format!("{period} as period")];
        let mut keys = vec![period];
        for (dimension, axis) in self.dimensions.iter().zip(axes) {
            // A call has a name of its own; a cast would share that of a day that is also the period.
            let text = format!("arrow_cast({}, 'Utf8')", axis.expression);
            columns.push(format!("{text} as \"{}\"", dimension.id));
            keys.push(text);
        }
        columns.push(format!("{} as total", aggregate_text(measured, None, false)));
        let kept = measured.filter.as_ref().map(|it| format!(" and ({it})")).unwrap_or_default();
        format!(
            "select {} from {} where {time} is not null{kept} group by {}",
            columns.join(", "),
            measured.relation,
            keys.join(", ")
        )
    }

    fn position(&self, measured: &Measure<'_>, axes: &[Axis]) -> String {
        let since = match measured.reach {
            Reach::Window(window) => first_day_expression(window, "asked_until"),
            _ => "asked_until".to_owned(),
        };
        let asked = format!(
            "(select asked_until as asked_period, {since} as asked_since, asked_until \
             from hub.{ASKED_DAY} where asked_until >= (select min({}) from {})) as asked",
            measured.time, measured.relation
        );
        let positions = Positions {
            asked,
            by_period: true,
            axes,
            filters: Vec::new(),
            measures: vec![measured],
            approximate: false,
        };
        let (rows, _) = positions.statement(None);
        let dimensions: Vec<String> = self
            .dimensions
            .iter()
            .enumerate()
            .map(|(index, dimension)| format!("cast(d{index} as varchar) as \"{}\"", dimension.id))
            .collect();
        let columns = ["period".to_owned()].into_iter().chain(dimensions);
        let columns = columns.chain(["v0 as total".to_owned()]).collect::<Vec<_>>();
        format!("select {} from ({rows})", columns.join(", "))
    }

    /// All inputs side by side, one column `a<n>` each.
    fn united(&self, atoms: &[&Atom], texts: &[String], kind: &str) -> String {
        let keys: Vec<String> = ["period".to_owned()]
            .into_iter()
            .chain(self.dimensions.iter().map(|dimension| format!("\"{}\"", dimension.id)))
            .collect();
        let keys = keys.join(", ");
        let branch = |(own, text): (usize, &String)| {
            let column = |index: usize| match index == own {
                true => format!("cast(total as {kind}) as a{index}"),
                false => format!("cast(null as {kind}) as a{index}"),
            };
            let columns: Vec<String> = (0..texts.len()).map(column).collect();
            format!("select {keys}, {} from ({text})", columns.join(", "))
        };
        let branches: Vec<String> = texts.iter().enumerate().map(branch).collect();
        let sums: Vec<String> =
            atoms.iter().enumerate().map(|(index, atom)| self.sum(index, atom)).collect();
        format!(
            "select {keys}, {} from ({}) group by {keys}",
            sums.join(", "),
            branches.join(" union all ")
        )
    }

    /// A side without rows is 0, as for the readers: none of five won is 0, not unknown.
    fn sum(&self, index: usize, atom: &Atom) -> String {
        let find = |id: &str| self.registry.metric(id);
        let counts = matches!(
            formula::aggregate(atom, &find),
            Some(Aggregate::Count | Aggregate::CountDistinct)
        );
        match formula::is_zero_without_rows(atom, &find) {
            true => format!("coalesce(sum(a{index}), 0) as a{index}"),
            false if counts => format!("nullif(sum(a{index}), 0) as a{index}"),
            false => format!("sum(a{index}) as a{index}"),
        }
    }

    /// Value and sides, computed after everything is aggregated.
    fn computed(
        &self,
        folded: LogicalPlan,
        metric: &MetricDefinition,
        resolved: &Resolved,
        atoms: &[&Atom],
    ) -> Result<LogicalPlan> {
        let value = computed(&resolved.value, atoms);
        let value = match metric.gaps {
            Some(Gaps::Zero) => coalesce(vec![value, lit(0_i64)]),
            _ => value,
        };
        let (numerator, denominator) = match &resolved.denominator {
            Some(denominator) => {
                (computed(&resolved.numerator, atoms), computed(denominator, atoms))
            }
            None => (value.clone(), lit(datafusion::common::ScalarValue::Int64(None))),
        };
        let mut shown = vec![column("period")];
        shown.extend(self.dimensions.iter().map(|dimension| column(&dimension.id)));
        shown.push(value.alias("value"));
        shown.push(numerator.alias("numerator"));
        shown.push(denominator.alias("denominator"));
        LogicalPlanBuilder::from(folded).project(shown)?.build()
    }
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

/// A formula over the columns `a<n>`: plain sums stay in the type of their inputs, the rest is
/// computed by the rule the readers follow.
fn computed(expression: &Expression<Atom>, atoms: &[&Atom]) -> Expr {
    if expression.is_sum() {
        return sum_of(expression, atoms);
    }
    let bound = expression.bind(&mut |atom: &Atom| {
        Ok::<_, std::convert::Infallible>(Expression::Metric(position(atom, atoms)))
    });
    let Ok(bound) = bound;
    let arguments = (0..atoms.len()).map(|index| column(&format!("a{index}"))).collect();
    ScalarUDF::new_from_impl(MetricFormula::new(bound)).call(arguments)
}

fn position(atom: &Atom, atoms: &[&Atom]) -> usize {
    atoms.iter().position(|known| *known == atom).unwrap_or_default()
}

fn sum_of(expression: &Expression<Atom>, atoms: &[&Atom]) -> Expr {
    match expression {
        Expression::Negative(inner) => Expr::Negative(Box::new(sum_of(inner, atoms))),
        Expression::Apply { operator, left, right } => {
            let operator = match operator {
                Arithmetic::Subtract => Operator::Minus,
                _ => Operator::Plus,
            };
            let (left, right) = (sum_of(left, atoms), sum_of(right, atoms));
            Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
        }
        Expression::Metric(atom) => column(&format!("a{}", position(atom, atoms))),
        _ => lit(0_i64),
    }
}
