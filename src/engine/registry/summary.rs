//! Nightly summaries: tables that hold the additive parts of metrics per day and dimensions.
//!
//! Owns which metrics a summary holds, in which columns, and the query and contract of its table.
//! Choosing one for a question is the readers'. A summary is made by the same expressions and
//! filters the metrics have, so what it answers is what the source would answer.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SessionState;
use hub_domain::contract::{Column, ColumnType, PiiClass, RowPolicy, TableContract};
use hub_domain::metric::{Aggregate, Formula, Simple};
use hub_domain::project::{Problem, ProjectFiles};
use hub_domain::summary::SummaryDefinition;
use hub_lake::{Contracts, arrow_schema};

use super::fields::data_type;
use super::files::{Located, Place};
use super::{Node, Part, Reference, Registry, Stage, files, nodes};
use crate::{EngineConfig, build_context};

const FOLDER: &str = "queries/summaries";

/// One summary with everything that follows from its definition.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its table in schema `hub`.
    pub table: String,
    /// As written.
    pub definition: SummaryDefinition,
    /// Dimension id → expression over the source.
    pub expressions: BTreeMap<String, String>,
    /// Dimension id → column of the table.
    pub columns: BTreeMap<String, String>,
    /// Metric id → columns of the table.
    pub measures: BTreeMap<String, Summed>,
    /// What the table promises.
    pub contract: TableContract,
    node: Node,
}

/// A metric's columns in a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summed {
    /// Sum or number of the metric's rows.
    pub value: String,
    /// Number of rows the metric counts, where not every row does.
    pub rows: Option<String>,
}

impl Registry {
    /// `contracts` with those of the summaries' tables.
    #[must_use]
    pub fn with_summaries(&self, mut contracts: Contracts) -> Contracts {
        let made = self.summaries.iter().map(|it| (it.table.clone(), it.contract.clone()));
        contracts.tables.extend(made);
        contracts
    }

    /// Reads the summaries; their nodes come last, for no other node reads them.
    pub(super) fn read_summaries(
        &mut self,
        project: &ProjectFiles,
        contracts: &Contracts,
        problems: &mut Vec<Problem>,
    ) {
        let found: Vec<Located<SummaryDefinition>> = files::definitions(
            project,
            (FOLDER, None, ""),
            |summary: SummaryDefinition| vec![summary],
            problems,
        );
        if found.is_empty() || !problems.is_empty() {
            return;
        }
        let context = match build_context(&EngineConfig::new(chrono_tz::UTC, vec![0])) {
            Ok(context) => context,
            Err(error) => {
                let what = error.to_string();
                return problems.push(found[0].place.problem(&[], what, None));
            }
        };
        for located in found {
            let making = Making { registry: self, contracts, state: &context.state() };
            match making.summary(&located) {
                Ok(summary) => {
                    self.nodes.push(summary.node.clone());
                    self.summaries.push(summary);
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
}

/// What summaries are made from.
struct Making<'a> {
    registry: &'a Registry,
    contracts: &'a Contracts,
    state: &'a SessionState,
}

/// A column of a summary and how it is made.
struct Made {
    column: Column,
    expression: String,
}

impl Making<'_> {
    fn summary(&self, located: &Located<SummaryDefinition>) -> Result<Summary, Problem> {
        let (definition, place) = (&located.value, &located.place);
        let table = format!("summary_{}", nodes::stem(&place.file));
        let source = self.source(definition, &table, place)?;
        let metrics = self.metrics(definition);
        let expressions = expressions(definition, &metrics, place)?;
        let mut keys = vec![self.column(source, &definition.time, &definition.time)];
        if let RowPolicy::Site(site) = &source.policy {
            keys.push(self.column(source, site, site));
        }
        let mut columns = BTreeMap::new();
        for id in &definition.dimensions {
            // A dimension is called by its id, which may be the name of a key already.
            let name = format!("by_{id}");
            keys.push(self.column(source, &expressions[id], &name));
            columns.insert(id.clone(), name);
        }
        let keys: Option<Vec<Made>> = keys.into_iter().collect();
        let keys = keys.ok_or_else(|| {
            let what = format!("a dimension of `{table}` has a type tables cannot hold");
            place.problem(&["dimensions"], what, None)
        })?;
        let mut made = Vec::new();
        let mut measures = BTreeMap::new();
        for (id, simple) in metrics {
            let alike = simple.dimensions.iter().all(|(dimension, expression)| {
                expressions.get(dimension).is_none_or(|own| own == expression)
            });
            let Some((summed, columns)) = self.measure(source, id, simple).filter(|_| alike) else {
                continue;
            };
            measures.insert(id.to_owned(), summed);
            made.extend(columns);
        }
        if measures.is_empty() {
            let what = format!("no additive metric counts rows of `{}`", source.table);
            let hint = format!("by `{}`; drop the summary", definition.time);
            return Err(place.problem(&["source"], what, Some(hint)));
        }
        let node = Node {
            target: table.clone(),
            stage: Stage::Mart,
            parts: vec![Part {
                path: place.file.clone(),
                source: None,
                sql: query(definition, &keys, &made),
            }],
            references: BTreeSet::from([Reference::Hub(source.table.clone())]),
        };
        let contract = contract(&table, source, &keys, made, place);
        let definition = definition.clone();
        Ok(Summary { table, definition, expressions, columns, measures, contract, node })
    }

    /// The contract of the source.
    fn source(
        &self,
        definition: &SummaryDefinition,
        table: &str,
        place: &Place,
    ) -> Result<&TableContract, Problem> {
        let SummaryDefinition { source, time, .. } = definition;
        let known = self.contracts.tables.keys().map(String::as_str);
        let contract = self.contracts.tables.get(source).ok_or_else(|| {
            let what = format!("unknown table `{source}`");
            place.problem(&["source"], what, super::check::near(source, known))
        })?;
        if self.contracts.tables.contains_key(table) {
            let what = format!("table `{table}` is there already");
            return Err(place.problem(&[], what, Some("rename the file".to_owned())));
        }
        if let RowPolicy::Person(_) | RowPolicy::Persons(_) = contract.policy {
            let what = format!("rows of `{source}` are seen by person, sums have none");
            let hint = "summaries are made of tables whose policy is by site".to_owned();
            return Err(place.problem(&["source"], what, Some(hint)));
        }
        if contract.column(time).map(|it| it.column_type) != Some(ColumnType::Date) {
            let what = format!("table `{source}` has no date column `{time}`");
            return Err(place.problem(&["time"], what, None));
        }
        Ok(contract)
    }

    /// Metrics that add up over the source by the same day.
    fn metrics(&self, definition: &SummaryDefinition) -> Vec<(&str, &Simple)> {
        let all = self.registry.metrics.iter();
        all.filter_map(|(id, metric)| match &metric.formula {
            Formula::Simple(simple) => Some((id.as_str(), simple)),
            _ => None,
        })
        .filter(|(_, it)| it.source == definition.source && it.time == definition.time)
        .filter(|(_, it)| it.aggregate.adds_up())
        .collect()
    }

    fn column(&self, source: &TableContract, expression: &str, name: &str) -> Option<Made> {
        let column_type = self.column_type(source, expression)?;
        let column = plain(name, column_type, true);
        Some(Made { column, expression: expression.to_owned() })
    }

    fn column_type(&self, source: &TableContract, expression: &str) -> Option<ColumnType> {
        let table = EmptyTable::new(arrow_schema(source));
        let found = data_type(self.state, &source.table, &table, expression).ok()?;
        match found {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Some(ColumnType::Text),
            DataType::Boolean => Some(ColumnType::Bool),
            DataType::Date32 => Some(ColumnType::Date),
            DataType::Decimal128(precision, scale) => Some(ColumnType::Decimal(precision, scale)),
            whole if whole.is_integer() && whole != DataType::UInt64 => Some(ColumnType::Int64),
            _ => None,
        }
    }

    /// The columns of one metric; none when its sum has a type tables cannot hold exactly.
    fn measure(
        &self,
        source: &TableContract,
        id: &str,
        it: &Simple,
    ) -> Option<(Summed, Vec<Made>)> {
        let kept = it.filter.as_ref().map(|it| format!(" filter (where {it})")).unwrap_or_default();
        let counted = |name: &str| Made {
            column: plain(name, ColumnType::Int64, true),
            expression: format!("count(*){kept}"),
        };
        let rows = format!("n_{id}");
        if it.aggregate == Aggregate::Count {
            let summed =
                Summed { rows: it.filter.as_ref().map(|_| rows.clone()), value: rows.clone() };
            return Some((summed, vec![counted(&rows)]));
        }
        let expression = it.expression.as_ref()?;
        let column_type = match self.column_type(source, expression)? {
            ColumnType::Int64 => ColumnType::Int64,
            // A sum has ten more digits, as far as there are any.
            ColumnType::Decimal(precision, scale) => {
                ColumnType::Decimal(precision.saturating_add(10).min(38), scale)
            }
            _ => return None,
        };
        let value = format!("v_{id}");
        let mut made = vec![Made {
            column: plain(&value, column_type, true),
            expression: format!("sum({expression}){kept}"),
        }];
        let filtered = it.filter.is_some();
        if filtered {
            made.push(counted(&rows));
        }
        Some((Summed { value, rows: filtered.then_some(rows) }, made))
    }
}

/// The expression of each dimension: what the metrics that have it say.
fn expressions(
    definition: &SummaryDefinition,
    metrics: &[(&str, &Simple)],
    place: &Place,
) -> Result<BTreeMap<String, String>, Problem> {
    let mut expressions = BTreeMap::new();
    for id in &definition.dimensions {
        let said = metrics.iter().find_map(|(_, simple)| simple.dimensions.get(id));
        let Some(expression) = said else {
            let (source, time) = (&definition.source, &definition.time);
            let what = format!("no additive metric of `{source}` by `{time}` has it: `{id}`");
            let hint = "name dimensions of the metrics".to_owned();
            return Err(place.problem(&["dimensions", id], what, Some(hint)));
        };
        expressions.insert(id.clone(), expression.clone());
    }
    Ok(expressions)
}

fn plain(name: &str, column_type: ColumnType, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        column_type,
        nullable,
        pii: PiiClass::default(),
        label_zh: String::new(),
        unit: None,
        description: None,
        values: None,
    }
}

/// Rows without a day are no metric's.
fn query(definition: &SummaryDefinition, keys: &[Made], measures: &[Made]) -> String {
    let named = |made: &Made| format!("{} as {}", made.expression, made.column.name);
    let within: Vec<String> = keys.iter().map(named).collect();
    let sums: Vec<String> = measures.iter().map(named).collect();
    // Several keys may be one expression; it is grouped by once.
    let grouped: BTreeSet<&str> = keys.iter().map(|made| made.expression.as_str()).collect();
    format!(
        "select\n    {},\n    {}\nfrom hub.{}\nwhere {} is not null\ngroup by {}",
        within.join(",\n    "),
        sums.join(",\n    "),
        definition.source,
        definition.time,
        grouped.into_iter().collect::<Vec<_>>().join(", ")
    )
}

fn contract(
    table: &str,
    source: &TableContract,
    keys: &[Made],
    measures: Vec<Made>,
    place: &Place,
) -> TableContract {
    let names: Vec<String> = keys.iter().map(|made| made.column.name.clone()).collect();
    let columns = keys.iter().map(|made| made.column.clone());
    TableContract {
        table: table.to_owned(),
        grain: format!("one row per day and combination of dimensions of {}", source.table),
        description: format!("sums of metrics over {}, as {} says", source.table, place.file),
        label_zh: format!("{}汇总", source.label_zh),
        key: names.clone(),
        partition_by: None,
        sort: names.into_iter().take(2).collect(),
        policy: source.policy.clone(),
        freshness: None,
        may_shrink: false,
        columns: columns.chain(measures.into_iter().map(|made| made.column)).collect(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        derived: true,
    }
}
