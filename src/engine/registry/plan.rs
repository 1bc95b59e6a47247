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

use super::{Part, Registry, Stage, metric_view};
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
            Err(error) => return Err(vec![problem("schema", 0, &error)]),
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
        plan_contract_checks(&state, contracts, &tables, &mut problems).await;
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
        for metric in self.metrics.values() {
            let names = self.metric_tables(&metric.id).into_iter();
            let own = names.filter_map(|name| Some((name.clone(), Arc::clone(tables.get(&name)?))));
            // Any day will do: nothing is there to be read.
            let through = NaiveDate::default() + Days::new(20_000);
            let planned = metric_view(self, metric, state, own.collect(), through).await;
            let planned = planned.and_then(|plan| state.optimize(&plan).map(|_| ()));
            if let Err(error) = planned {
                let (file, line) = self.place_of("metric", &metric.id);
                problems.push(problem(&file, line, &error));
            }
        }
    }

    fn plan_expressions(&self, state: &SessionState, tables: &Tables, problems: &mut Vec<Problem>) {
        let mut plan = |kind: &str, id: &str, table: &str, text: &str| {
            let Some(schema) = tables.get(table).map(|table| table.schema()) else { return };
            let qualified = DFSchema::try_from_qualified_schema(table, schema.as_ref());
            let planned = qualified.and_then(|schema| {
                let expr = state.create_logical_expr(text, &schema)?;
                state.create_physical_expr(expr, &schema).map(|_| ())
            });
            if let Err(error) = planned {
                let (file, line) = self.place_of(kind, id);
                problems.push(problem(&file, line, &error));
            }
        };
        for funnel in self.funnels.values() {
            let steps = funnel.steps.iter().filter_map(|step| step.filter.as_ref());
            let excluded = funnel.exclude.iter().filter_map(|it| it.filter.as_ref());
            for text in funnel.dimensions.values().chain(steps).chain(excluded) {
                plan("funnel", &funnel.id, &funnel.source, text);
            }
        }
        for board in &self.boards {
            if let Some(lanes) = &board.lanes {
                let filters = lanes.lanes.iter().map(|lane| &lane.filter);
                for text in filters.chain(lanes.dimensions.values()) {
                    plan("board", &board.id, &lanes.source, text);
                }
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
        Err(error) => problems.push(problem(&part.path, 0, &error)),
        Ok(plan) => {
            let Some(wanted) = wanted else { return };
            for what in differences(plan.schema().as_arrow(), wanted) {
                let hint = Some("columns are matched by name with the contract".to_owned());
                problems.push(Problem { file: part.path.clone(), line: 0, what, hint });
            }
        }
    }
}

async fn plan_contract_checks(
    state: &SessionState,
    contracts: &Contracts,
    tables: &Tables,
    problems: &mut Vec<Problem>,
) {
    for (name, contract) in &contracts.tables {
        let file = format!("schema/tables/{name}.yaml");
        for check in &contract.checks {
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
            if let Err(error) = planned {
                let mut found = problem(&file, 0, &error);
                found.what = format!("check `{}`: {}", check.name, found.what);
                problems.push(found);
            }
        }
    }
}

/// What the columns of a query lack of the contract, and what they have besides.
fn differences(found: &Schema, wanted: &Schema) -> Vec<String> {
    let mut differences = Vec::new();
    for field in wanted.fields() {
        match found.field_with_name(field.name()) {
            Err(_) => differences.push(format!("column `{}` is missing", field.name())),
            Ok(has) if !fits(has.data_type(), field.data_type()) => differences.push(format!(
                "column `{}` is `{}`, the contract says `{}`",
                field.name(),
                has.data_type(),
                field.data_type()
            )),
            Ok(_) => {}
        }
    }
    for field in found.fields() {
        if wanted.field_with_name(field.name()).is_err() {
            differences.push(format!("column `{}` is not in the contract", field.name()));
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

/// A planning failure as a problem; its own position wins over `line`.
fn problem(file: &str, line: u64, error: &DataFusionError) -> Problem {
    let spanned = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let root = error.find_root().strip_backtrace();
    let what = root.lines().next().unwrap_or_default();
    let what = what.strip_prefix("Error during planning: ").unwrap_or(what);
    let what = what.strip_prefix("Schema error: ").unwrap_or(what);
    Problem {
        file: file.to_owned(),
        // Positions inside YAML expressions count from the expression; keep the definition's.
        line: if line > 0 { line } else { spanned.map_or(0, |span| span.start.line) },
        what: what.trim_end_matches('.').to_owned(),
        hint: None,
    }
}
