//! Planning everything against empty tables: what `clinichub check` promises before any data.
//!
//! Every SQL file must plan and give the columns of its contract; every metric, funnel dimension
//! and lane filter must plan over its source table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use chrono::{Days, NaiveDate};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use hub_domain::project::Problem;
use hub_lake::{Contracts, arrow_schema, raw_schema};

use super::files::{Place, line_of};
use super::places::Places;
use super::{Part, Registry, Stage, fields, metric_view};
use crate::context::{CATALOG, HUB, RAW};
use crate::raw_view::{current_columns, history_columns, raw_history_name, raw_view_name};
use crate::{EngineConfig, build_context};

/// Empty tables by name.
type Tables = BTreeMap<String, Arc<dyn TableProvider>>;

impl Registry {
    /// Plans every query and definition against empty contract tables.
    ///
    /// # Errors
    /// Every problem found, in file order.
    pub async fn plan_all(&self, contracts: &Contracts) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let (context, tables) = match empty_project(contracts) {
            Ok(project) => project,
            Err(error) => {
                let (file, what) = ("schema".to_owned(), text(&error));
                return Err(vec![Problem { file, line: 0, what, hint: None }]);
            }
        };
        let state = context.state();
        for node in self.nodes.iter().filter(|node| node.stage != Stage::Costing) {
            for part in &node.parts {
                let wanted = contracts.tables.get(&node.target).map(arrow_schema);
                plan_part(&state, part, wanted.as_ref(), &mut problems).await;
            }
        }
        for (metric, sql) in &self.checks {
            let part = Part {
                path: format!("queries/checks/{metric}.sql"),
                source: None,
                sql: sql.clone(),
            };
            plan_part(&state, &part, None, &mut problems).await;
        }
        self.plan_metrics(&state, &tables, &mut problems).await;
        self.plan_expressions(&state, &tables, &mut problems);
        self.plan_contract_checks(&state, contracts, &tables, &mut problems).await;
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    async fn plan_metrics(
        &self,
        state: &SessionState,
        tables: &Tables,
        problems: &mut Vec<Problem>,
    ) {
        let broken = fields::plan_fields(self, state, tables, problems);
        for metric in self.metrics.values() {
            // What is wrong with an input has been told where the input is defined.
            if self.inputs(&metric.id).iter().any(|input| broken.contains(input)) {
                continue;
            }
            let names = self.metric_tables(&metric.id).into_iter();
            let own = names.filter_map(|name| Some((name.clone(), Arc::clone(tables.get(&name)?))));
            // Any day will do: nothing is there to be read.
            let through = NaiveDate::default() + Days::new(20_000);
            let planned = metric_view(self, metric, state, own.collect(), through).await;
            let planned = planned.and_then(|plan| state.optimize(&plan).map(|_| ()));
            if let Err(error) = planned {
                let place = self.place("metric", &metric.id);
                problems.push(place.problem(&[], text(&error), None));
            }
        }
    }

    fn plan_expressions(&self, state: &SessionState, tables: &Tables, problems: &mut Vec<Problem>) {
        let mut plan = |place: Place, path: &[&str], table: &str, text: &str| {
            let Some(schema) = tables.get(table).map(|table| table.schema()) else { return };
            let qualified = DFSchema::try_from_qualified_schema(table, schema.as_ref());
            let planned = qualified.and_then(|schema| {
                let expr = state.create_logical_expr(text, &schema)?;
                state.create_physical_expr(expr, &schema).map(|_| ())
            });
            if let Err(error) = planned {
                let (what, hint) = fields::told(&error);
                problems.push(place.problem(path, what, hint));
            }
        };
        for funnel in self.funnels.values() {
            for (index, step) in funnel.steps.iter().enumerate() {
                let index = index.to_string();
                let place = self.place("funnel", &funnel.id);
                if let Some(text) = &step.filter {
                    plan(place, &["steps", &index, "filter"], &funnel.source, text);
                }
            }
            for (index, excluded) in funnel.exclude.iter().enumerate() {
                let index = index.to_string();
                let place = self.place("funnel", &funnel.id);
                if let Some(text) = &excluded.filter {
                    plan(place, &["exclude", &index, "filter"], &funnel.source, text);
                }
            }
            for (id, text) in &funnel.dimensions {
                let place = self.place("funnel", &funnel.id);
                plan(place, &["dimensions", id], &funnel.source, text);
            }
        }
        for board in &self.boards {
            let Some(lanes) = &board.lanes else { continue };
            for (index, lane) in lanes.lanes.iter().enumerate() {
                let index = index.to_string();
                let place = self.place("board", &board.id);
                plan(place, &["lanes", "lanes", &index, "filter"], &lanes.source, &lane.filter);
            }
            for (id, text) in &lanes.dimensions {
                let place = self.place("board", &board.id);
                plan(place, &["lanes", "dimensions", id], &lanes.source, text);
            }
        }
    }
}

/// A context in which every table of the contracts exists and is empty.
fn empty_project(contracts: &Contracts) -> datafusion::error::Result<(SessionContext, Tables)> {
    let config = EngineConfig::new(chrono_tz::UTC, vec![0]);
    let context =
        build_context(&config).map_err(|error| DataFusionError::External(Box::new(error)))?;
    context.state_ref().write().config_mut().options_mut().sql_parser.collect_spans = true;
    let mut tables = Tables::new();
    for (name, contract) in &contracts.tables {
        let table: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(arrow_schema(contract)));
        let reference = TableReference::full(CATALOG, HUB, name.as_str());
        context.register_table(reference, Arc::clone(&table))?;
        tables.insert(name.clone(), table);
    }
    for source in contracts.sources.values() {
        for (table, contract) in &source.tables {
            let columns = current_columns(&raw_schema(contract));
            let empty = Arc::new(EmptyTable::new(columns));
            let name = raw_view_name(&source.source, table);
            context.register_table(TableReference::full(CATALOG, RAW, name), empty)?;
            let empty = Arc::new(EmptyTable::new(history_columns(&raw_schema(contract))));
            let name = raw_history_name(&source.source, table);
            context.register_table(TableReference::full(CATALOG, RAW, name), empty)?;
        }
    }
    Ok((context, tables))
}

impl Registry {
    async fn plan_contract_checks(
        &self,
        state: &SessionState,
        contracts: &Contracts,
        tables: &Tables,
        problems: &mut Vec<Problem>,
    ) {
        for (name, contract) in &contracts.tables {
            let file = format!("schema/tables/{name}.yaml");
            let mut places = None;
            for (index, check) in contract.checks.iter().enumerate() {
                let planned = match (&check.expression, &check.query) {
                    (Some(text), _) => tables.get(name).map_or(Ok(()), |table| {
                        let schema = table.schema();
                        let schema = DFSchema::try_from_qualified_schema(name.as_str(), &schema)?;
                        let expr = state.create_logical_expr(text, &schema)?;
                        state.create_physical_expr(expr, &schema).map(|_| ())
                    }),
                    (None, Some(query)) => match state.create_logical_plan(query).await {
                        Ok(plan) => state.optimize(&plan).map(|_| ()),
                        Err(error) => Err(error),
                    },
                    (None, None) => Ok(()),
                };
                let Err(error) = planned else { continue };
                let text = self.project.files.get(&file).map(String::as_str).unwrap_or_default();
                let places = places.get_or_insert_with(|| Places::read(text));
                let key = if check.expression.is_some() { "expression" } else { "query" };
                let (what, hint) = fields::told(&error);
                problems.push(Problem {
                    file: file.clone(),
                    line: places.line(&["checks", &index.to_string(), key]),
                    what: format!("check `{}`: {what}", check.name),
                    hint,
                });
            }
        }
    }
}

async fn plan_part(
    state: &SessionState,
    part: &Part,
    wanted: Option<&SchemaRef>,
    problems: &mut Vec<Problem>,
) {
    let planned = async {
        let plan = state.create_logical_plan(&part.sql).await?;
        state.optimize(&plan)
    };
    match planned.await {
        Err(error) => {
            let spanned = error.diagnostic().and_then(|diagnostic| diagnostic.span);
            let (what, hint) = fields::told(&error);
            let named = what.split('`').nth(1).and_then(|word| line_of(&part.sql, word));
            let line = spanned.map(|span| span.start.line).or(named).unwrap_or(1);
            problems.push(Problem { file: part.path.clone(), line, what, hint });
        }
        Ok(plan) => {
            let Some(wanted) = wanted else { return };
            for (column, what) in differences(plan.schema().as_arrow(), wanted) {
                let hint = Some("columns are matched by name with the contract".to_owned());
                let line = line_of(&part.sql, &column).unwrap_or(1);
                problems.push(Problem { file: part.path.clone(), line, what, hint });
            }
        }
    }
}

/// What the columns of a query lack of the contract, and what they have besides: the column and
/// what is wrong with it.
fn differences(found: &Schema, wanted: &Schema) -> Vec<(String, String)> {
    let mut differences = Vec::new();
    for field in wanted.fields() {
        let name = field.name().clone();
        match found.field_with_name(&name) {
            Err(_) => {
                let what = format!("column `{name}` is missing");
                differences.push((name, what));
            }
            Ok(has) if !fits(has.data_type(), field.data_type()) => {
                let (is, says) = (has.data_type(), field.data_type());
                let what = format!("column `{name}` is `{is}`, the contract says `{says}`");
                differences.push((name, what));
            }
            Ok(_) => {}
        }
    }
    for field in found.fields() {
        let name = field.name().clone();
        if wanted.field_with_name(&name).is_err() {
            let what = format!("column `{name}` is not in the contract");
            differences.push((name, what));
        }
    }
    differences
}

/// Whether every value of `found` is a value of `wanted`, NULL aside.
fn fits(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        (DataType::Null, _) => true,
        (DataType::Utf8View | DataType::LargeUtf8, DataType::Utf8) => true,
        (found, DataType::Int64) => found.is_integer() && *found != DataType::UInt64,
        (DataType::Decimal128(_, has), DataType::Decimal128(_, scale)) => has <= scale,
        (found, DataType::Decimal128(_, _)) => found.is_integer(),
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) => true,
        (found, wanted) => found == wanted,
    }
}

/// A planning failure in one line; planning has seen no rows.
pub(super) fn text(error: &DataFusionError) -> String {
    let root = error.find_root().strip_backtrace();
    let what = root.lines().next().unwrap_or_default();
    let what = what.strip_prefix("Error during planning: ").unwrap_or(what);
    let what = what.strip_prefix("Schema error: ").unwrap_or(what);
    what.trim_end_matches('.').to_owned()
}
