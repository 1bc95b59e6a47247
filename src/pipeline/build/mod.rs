//! Build: every hub table from the raw tables, in the order of what reads what.
//!
//! A table is a function of its definition, the versions it reads and the business day. The
//! fingerprint of these is kept in the table's commit: a rerun finds the commit and reads
//! nothing, a changed definition or input makes a new version. Old versions stay.

mod conform;
mod error;
mod fingerprint;
mod months;
mod node;
mod order;
mod partitions;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::prelude::SessionContext;
use hub_domain::annotation::Annotations;
use hub_engine::{EngineConfig, Node, Reference, Registry, build_context, register_raw_view};
use hub_lake::{Contracts, Lake, TableId};
use tokio::task::JoinSet;

pub(crate) use conform::conform;
pub use error::BuildError;
pub use fingerprint::BUILD_METADATA;

use node::NodeRun;
pub(crate) use node::stored_schema;
use order::{Crowded, Waiting};

/// What a build needs to know.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// Where tables are read and written.
    pub lake: Lake,
    /// What tables promise.
    pub contracts: Arc<Contracts>,
    /// How tables are made.
    pub registry: Arc<Registry>,
    /// Zone, key and limits of the queries.
    pub engine: EngineConfig,
    /// What people wrote about source records.
    pub annotations: Annotations,
    /// Business day.
    pub date: NaiveDate,
    /// Nodes that run at once, at least 1.
    pub threads: usize,
}

/// One table after a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltTable {
    /// Table of schema `hub`.
    pub table: String,
    /// Version holding the result.
    pub version: u64,
    /// Rows of that version.
    pub rows: u64,
    /// Whether an earlier build had already made exactly this.
    pub reused: bool,
    /// Files of that version.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Versions of what it was made from, by snapshot key; none for what never landed.
    pub inputs: BTreeMap<String, Option<u64>>,
}

/// Result of a build: the context audits run in, and the versions a snapshot would name.
pub struct Built {
    /// Raw views and hub tables at the versions of `tables`.
    pub context: SessionContext,
    /// Snapshot key → version: hub tables and the raw tables they were made from.
    pub versions: BTreeMap<String, u64>,
    /// Hub tables, in name order.
    pub tables: Vec<BuiltTable>,
}

/// Told about every table that is ready.
pub trait BuildProgress: Send + Sync {
    /// `table` is about to be made, or found to be made already.
    fn build_started(&self, table: &str) {
        let _ = table;
    }

    /// `table` of `total` tables is ready.
    fn table_built(&self, table: &BuiltTable, done: usize, total: usize) {
        let _ = (table, done, total);
    }
}

/// Builds every node of the registry.
///
/// # Errors
/// The first node that fails; tables built before it keep their new versions, which nobody sees
/// before they are published, and a rerun goes on after them.
pub async fn build(
    request: &BuildRequest,
    progress: &dyn BuildProgress,
) -> Result<Built, BuildError> {
    let context =
        build_context(&request.engine).map_err(|cause| BuildError::Context(Box::new(cause)))?;
    let mut versions = register_raw(request, &context).await?;
    // What a table depends on is the content of its inputs, not how their files are laid out.
    let mut contents = BTreeMap::new();
    for (key, version) in &versions {
        contents.insert(key.clone(), content(request, key, *version).await?);
    }
    let shared = Arc::new(request.clone());
    let nodes: BTreeMap<String, Node> =
        request.registry.nodes.iter().map(|n| (n.target.clone(), n.clone())).collect();
    let total = nodes.len();
    let mut waiting = Waiting::new(&request.registry.nodes);
    let mut running = JoinSet::new();
    let mut crowded = Crowded::default();
    let mut tables = Vec::with_capacity(total);
    loop {
        while let Some(target) = crowded.next(running.len(), request.threads, &mut waiting) {
            let inputs = inputs(&nodes[&target], &contents);
            let node = nodes[&target].clone();
            let run =
                NodeRun { request: Arc::clone(&shared), context: context.clone(), node, inputs };
            progress.build_started(&target);
            running.spawn(async move { (target, run.run().await) });
        }
        let Some(finished) = running.join_next().await else { break };
        let (target, made) = finished.map_err(BuildError::Stopped)?;
        let held = made.as_ref().err().and_then(BuildError::memory);
        if let Some(held) = &held {
            tracing::warn!(table = %target, held, "too little memory for a table");
            if crowded.again(&target) {
                continue;
            }
        }
        let table = made?;
        register_hub(request, &context, &table).await?;
        waiting.finished(&table.table);
        versions.insert(table.table.clone(), table.version);
        let made = content(request, &table.table, table.version).await?;
        contents.insert(table.table.clone(), made);
        tables.push(table);
        if let Some(table) = tables.last() {
            progress.table_built(table, tables.len(), total);
        }
    }
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(Built { context, versions, tables })
}

/// The version whose content the table of snapshot key `key` has at `version`.
async fn content(request: &BuildRequest, key: &str, version: u64) -> Result<u64, BuildError> {
    let found = request.lake.table(&TableId::parse(key)).content_version(version).await;
    found.map_err(|cause| BuildError::lake(key, cause))
}

/// Content of what `node` reads, by snapshot key; a source table that never landed has none.
fn inputs(node: &Node, versions: &BTreeMap<String, u64>) -> BTreeMap<String, Option<u64>> {
    let key = |reference: &Reference| reference.table_id().key();
    node.references.iter().map(key).map(|key| (key.clone(), versions.get(&key).copied())).collect()
}

/// Registers the raw views some node or check may read, at their newest versions.
async fn register_raw(
    request: &BuildRequest,
    context: &SessionContext,
) -> Result<BTreeMap<String, u64>, BuildError> {
    let mut versions = BTreeMap::new();
    for source in request.contracts.sources.values() {
        for table in source.tables.keys() {
            let id = TableId::raw(&source.source, table);
            let version = request.lake.table(&id).version().await;
            let version = version.map_err(|cause| BuildError::lake(&id.key(), cause))?;
            register_raw_view(context, &request.lake, source, table, version)
                .await
                .map_err(|cause| BuildError::Context(Box::new(cause)))?;
            versions.extend(version.map(|version| (id.key(), version)));
        }
    }
    Ok(versions)
}

async fn register_hub(
    request: &BuildRequest,
    context: &SessionContext,
    table: &BuiltTable,
) -> Result<(), BuildError> {
    let id = TableId::hub(&table.table);
    let provider = request.lake.provider(&id, table.version).await;
    let provider = provider.map_err(|cause| BuildError::lake(&table.table, cause))?;
    context
        .register_table(table.table.as_str(), provider)
        .map_err(|cause| BuildError::plan(&table.table, &cause))?;
    Ok(())
}
