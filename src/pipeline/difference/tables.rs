//! Published tables as they are, and changed ones as their proposed queries would make them.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use hub_domain::analysis::costing::RuleVersion;
use hub_domain::contract::TableContract;
use hub_domain::difference::{Change, TableChange};
use hub_engine::{Node, Reference, Stage, build_context, register_raw_view};
use hub_lake::{TableId, arrow_schema};

use super::{Definitions, DifferenceRequest};
use crate::build::{BuildError, conform, stored_schema};
use crate::costing::cost_table;
use crate::identity::{self, Evidence};

/// A changed table with no more rows than this as published is evaluated once and kept in memory;
/// a larger one wherever it is read.
const KEPT_ROWS: u64 = 500_000;

/// The tables of one set of definitions.
pub(super) struct Opened {
    pub(super) context: SessionContext,
    /// Tables that cannot be evaluated, and why.
    pub(super) broken: BTreeMap<String, String>,
}

/// Tables whose rows may differ.
pub(super) fn changes(published: &Definitions, proposed: &Definitions) -> BTreeMap<String, Change> {
    let mut changes = BTreeMap::new();
    let before: BTreeMap<&str, &Node> =
        own(published).map(|node| (node.target.as_str(), node)).collect();
    // Nodes come in the order they run, so what a node reads is known before the node.
    for node in own(proposed) {
        let change = match before.get(node.target.as_str()) {
            None => Some(Change::New),
            Some(known) if known.sql() != node.sql() => Some(Change::Changed),
            Some(_) if columns(published, node) != columns(proposed, node) => Some(Change::Changed),
            Some(_) => node
                .references
                .iter()
                .any(|reference| match reference {
                    Reference::Hub(table) => changes.contains_key(table),
                    Reference::Raw { source, table } => {
                        landed(published, source, table) != landed(proposed, source, table)
                    }
                })
                .then_some(Change::Affected),
        };
        changes.extend(change.map(|change| (node.target.clone(), change)));
    }
    let kept: Vec<&str> = own(proposed).map(|node| node.target.as_str()).collect();
    let gone = before.keys().filter(|table| !kept.contains(*table));
    changes.extend(gone.map(|table| ((*table).to_owned(), Change::Removed)));
    changes
}

/// Tables that are written down; what others follow from them, metrics can do without.
fn own(of: &Definitions) -> impl Iterator<Item = &Node> {
    let derived = |table: &str| of.contracts.table(table).is_some_and(|it| it.derived);
    of.registry.nodes.iter().filter(move |node| !derived(&node.target))
}

/// What a contract says of a table's columns, as text to compare.
fn columns(of: &Definitions, node: &Node) -> Option<String> {
    let contract = of.contracts.table(&node.target)?;
    let columns = contract.columns.iter().map(|it| format!("{} {}", it.name, it.column_type));
    Some(columns.collect::<Vec<_>>().join(","))
}

/// What a contract says of a landed table, as text to compare.
fn landed(of: &Definitions, source: &str, table: &str) -> Option<String> {
    let contract = of.contracts.sources.get(source)?.tables.get(table)?;
    Some(format!("{:?} {:?}", contract.key, contract.columns))
}

/// Every table of `definitions`: as published, or by its query where it has changed.
pub(super) async fn open(
    request: &DifferenceRequest<'_>,
    definitions: &Definitions,
    changed: &BTreeMap<String, Change>,
) -> Result<Opened, BuildError> {
    let context = build_context(request.engine);
    let context = context.map_err(|cause| BuildError::Context(Box::new(cause)))?;
    let mut broken = BTreeMap::new();
    for (name, contract) in &definitions.contracts.tables {
        if !changed.contains_key(name) {
            let table = published(request, contract).await?;
            register(&context, name, table)?;
        }
    }
    let evaluated: Vec<&Node> = definitions
        .registry
        .nodes
        .iter()
        .filter(|node| changed.contains_key(&node.target))
        .collect();
    register_raw(request, definitions, &evaluated, &context).await?;
    for node in evaluated {
        let Some(contract) = definitions.contracts.table(&node.target) else { continue };
        let rows = published_rows(request, &node.target).await?;
        let kept = rows.is_some_and(|rows| rows <= KEPT_ROWS);
        let rules = &definitions.registry.costing;
        match proposed(request, &context, node, (contract, rules), kept).await {
            Ok(table) => register(&context, &node.target, table)?,
            Err(error) => {
                // What reads it cannot be planned either; its own reason is told first.
                broken.insert(node.target.clone(), reason(node, &error, &broken));
            }
        }
    }
    Ok(Opened { context, broken })
}

fn reason(node: &Node, error: &BuildError, broken: &BTreeMap<String, String>) -> String {
    let reads = node.references.iter().find_map(|reference| match reference {
        Reference::Hub(table) if broken.contains_key(table) => Some(table),
        _ => None,
    });
    match reads {
        Some(table) => format!("it reads `{table}`"),
        None => error.to_string(),
    }
}

fn register(
    context: &SessionContext,
    name: &str,
    table: Arc<dyn TableProvider>,
) -> Result<(), BuildError> {
    let done = context.register_table(name, table);
    done.map(drop).map_err(|cause| BuildError::plan(name, &cause))
}

async fn published(
    request: &DifferenceRequest<'_>,
    contract: &TableContract,
) -> Result<Arc<dyn TableProvider>, BuildError> {
    let id = TableId::hub(&contract.table);
    match request.snapshot.tables.get(&id.key()) {
        Some(version) => {
            let provider = request.lake.provider(&id, *version).await;
            provider.map_err(|cause| BuildError::lake(&contract.table, cause))
        }
        None => Ok(Arc::new(EmptyTable::new(arrow_schema(contract)))),
    }
}

/// The landed tables some of `nodes` read, as of the snapshot.
async fn register_raw(
    request: &DifferenceRequest<'_>,
    definitions: &Definitions,
    nodes: &[&Node],
    context: &SessionContext,
) -> Result<(), BuildError> {
    for (source, contract) in &definitions.contracts.sources {
        for table in contract.tables.keys() {
            let wanted = Reference::Raw { source: source.clone(), table: table.clone() };
            if nodes.iter().any(|node| node.references.contains(&wanted)) {
                let version = request.snapshot.tables.get(&TableId::raw(source, table).key());
                register_raw_view(context, request.lake, contract, table, version.copied())
                    .await
                    .map_err(|cause| BuildError::Context(Box::new(cause)))?;
            }
        }
    }
    Ok(())
}

async fn published_rows(
    request: &DifferenceRequest<'_>,
    table: &str,
) -> Result<Option<u64>, BuildError> {
    let id = TableId::hub(table);
    let Some(version) = request.snapshot.tables.get(&id.key()) else { return Ok(None) };
    let published = request.lake.lake_table(&id, *version).await;
    Ok(published.map_err(|cause| BuildError::lake(table, cause))?.row_count())
}

/// The table `node` would make: its query, or its rows when they are to be `kept`. Persons are
/// resolved and costs allocated once.
async fn proposed(
    request: &DifferenceRequest<'_>,
    context: &SessionContext,
    node: &Node,
    (contract, rules): (&TableContract, &[RuleVersion]),
    kept: bool,
) -> Result<Arc<dyn TableProvider>, BuildError> {
    let table = &contract.table;
    if node.stage == Stage::Costing {
        let rows = cost_table(context, rules, table, stored_schema(contract)).await;
        return in_memory(rows).await.map_err(|cause| BuildError::run(table, cause));
    }
    if node.stage == Stage::Identity {
        let DifferenceRequest { lake, annotations, snapshot, .. } = *request;
        let evidence = Evidence { lake, annotations, date: snapshot.business_date };
        let rows = identity::rows(&evidence, context, contract).await;
        return in_memory(rows).await.map_err(|cause| BuildError::run(table, cause));
    }
    let frame = context.sql(&node.sql()).await;
    let frame = frame.map_err(|cause| BuildError::plan(table, &cause))?;
    let frame = conform(frame, contract)?;
    if !kept {
        return Ok(frame.into_view());
    }
    let made = frame.cache().await.map_err(|cause| BuildError::run(table, cause))?;
    Ok(made.into_view())
}

async fn in_memory(
    rows: Result<SendableRecordBatchStream, DataFusionError>,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let rows = rows?;
    let schema = rows.schema();
    let batches = rows.try_collect().await?;
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

/// The changed tables with their rows on either side.
pub(super) async fn told(
    request: &DifferenceRequest<'_>,
    changed: &BTreeMap<String, Change>,
    opened: &Opened,
) -> Result<Vec<TableChange>, BuildError> {
    let mut told = Vec::with_capacity(changed.len());
    for (table, change) in changed {
        let mut line = TableChange {
            table: table.clone(),
            change: *change,
            published_rows: None,
            proposed_rows: None,
            unevaluated: opened.broken.get(table).cloned(),
        };
        line.published_rows = published_rows(request, table).await?;
        if *change != Change::Removed && line.unevaluated.is_none() {
            match rows(&opened.context, table).await {
                Ok(rows) => line.proposed_rows = Some(rows),
                Err(error) => line.unevaluated = Some(error.to_string()),
            }
        }
        told.push(line);
    }
    Ok(told)
}

async fn rows(context: &SessionContext, table: &str) -> Result<u64, BuildError> {
    let counted = async { context.table(table).await?.count().await };
    let counted = counted.await.map_err(|cause| BuildError::run(table, cause))?;
    Ok(counted as u64)
}
