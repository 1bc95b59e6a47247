//! Extraction: source systems into raw tables.
//!
//! The way of a row: a [`Source`] delivers cells, the [`Intake`] converts, accepts or refuses
//! and counts them, and the landing commits accepted and refused rows, counts and watermark of
//! one table and night in one Delta commit. A run that is killed anywhere leaves a table either
//! as it was or wholly landed; a rerun of the same night finds the commit and reads nothing.
//!
//! Must not know staging SQL, contracts of schema `hub`, or what the rows mean.

mod brake;
mod builder;
mod cell;
mod column;
mod config;
mod csv;
mod error;
mod folder;
mod intake;
mod jsonl;
mod keys;
mod land;
mod landed;
mod mysql;
mod outlet;
mod parquet;
mod postgres;
mod quarantined;
mod reconcile;
mod reject;
mod retry;
mod schema;
mod sealed;
mod source;
mod sql;
mod sqlite;
#[cfg(feature = "sqlserver")]
mod sqlserver;
mod suppressed;
mod tally;
mod trouble;
mod watermark;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use hub_domain::clock::SharedClock;
use hub_domain::run::{LoadStatus, TableLoad};
use hub_lake::{Contracts, Lake, TableId, Txn};

pub use brake::{AlwaysOn, Brake, StopSwitch};
pub use cell::{Cell, Civil};
pub use config::{
    CursorConfig, CursorNulls, Deletes, Fault, FlagConfig, FlagValue, KeyFaults, Lag,
    MaxQuarantine, Reconcile, SchemaMode, SourceConfig, SourceKind, SourceLimits, SourceUrl, Span,
    TableConfig,
};
pub use error::{Cause, ExtractError};
pub use intake::Intake;
pub use landed::LOAD_METADATA;
pub use outlet::BatchStream;
pub use quarantined::{Quarantined, quarantined};
pub use reconcile::{Measured, Measuring, agrees, compared};
pub use reject::{Place, Reason};
pub use retry::{RETRY_METADATA, Recovered, Retried, RetryRequest, retry};
pub use schema::{Cursor, FoundColumn, Native, Relation, SpecColumn, TableSpec};
pub use sealed::{About, SealError, SealedCell, SealedRow, Sealer};
pub use source::{Source, connect};
pub(crate) use suppressed::unsealed;

use crate::erase::Suppression;
use schema::Plan;

/// Which kind of run loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadKind {
    /// The nightly: by cursor where a table has one.
    Nightly,
    /// The nightly with `--full`: every table whole; watermarks move on.
    Full,
    /// A backfill: every table whole; watermarks stay.
    Backfill {
        /// Tells backfills apart: the same one twice lands once.
        run: String,
    },
}

/// One source to extract for one business day.
pub struct ExtractRequest<'a> {
    /// Source id: its key under `sources:`.
    pub source: &'a str,
    /// Its configuration, paths resolved.
    pub config: &'a SourceConfig,
    /// Contracts; the source's own may be missing.
    pub contracts: &'a Contracts,
    /// Where to land.
    pub lake: &'a Lake,
    /// Business day whose end the source holds.
    pub date: NaiveDate,
    /// Kind of run.
    pub kind: LoadKind,
    /// Zone of the source's wall clocks.
    pub zone: Tz,
    /// Run id, stored with every row.
    pub load_id: &'a str,
    /// Clock for `_extracted_at`.
    pub clock: SharedClock,
    /// Rows not to take; none when nobody was ever erased.
    pub suppression: Option<Arc<Suppression>>,
    /// How fast the source may be read, and whether at all.
    pub brake: Brake,
    /// Seals refused rows; without it their cells are not kept.
    pub sealer: Option<Arc<Sealer>>,
}

/// Told how extraction goes on.
pub trait Progress: Send + Sync {
    /// A table is about to be read.
    fn table_started(&self, source: &str, table: &str) {
        let _ = (source, table);
    }

    /// Rows of the table handed to the lake so far.
    fn rows(&self, source: &str, table: &str, rows: u64) {
        let _ = (source, table, rows);
    }

    /// A table is landed, now or (`skipped`) by an earlier run of the same night.
    fn table_done(&self, load: &TableLoad, skipped: bool) {
        let _ = (load, skipped);
    }
}

/// A progress nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Progress for Unwatched {}

/// Extracts the tables of one source, one after another inside one transaction of the source,
/// and lands each in one commit. Tables this night already landed are not read again; their
/// stored loads are returned.
///
/// # Errors
/// The first failure; tables landed before it stay landed, and a rerun goes on after them.
pub async fn extract_source(
    request: &ExtractRequest<'_>,
    progress: &dyn Progress,
) -> Result<Vec<TableLoad>, ExtractError> {
    let mut source = None;
    let result = extract_tables(request, &mut source, progress).await;
    if let Some(source) = source {
        source.close().await;
    }
    result
}

async fn extract_tables(
    request: &ExtractRequest<'_>,
    source: &mut Option<Box<dyn Source>>,
    progress: &dyn Progress,
) -> Result<Vec<TableLoad>, ExtractError> {
    let (mut loads, mut stop) = (Vec::new(), None);
    for (table, config) in ordered_tables(request)? {
        if let Some(load) = landed_before(request, &table).await? {
            progress.table_done(&load, true);
            loads.push(load);
            continue;
        }
        let read = match &stop {
            Some(_) => None,
            None => match extract_table(request, source, &table, &config, progress).await {
                // What is left is not read either: half of the source would be of another moment.
                Err(ExtractError::Stopped { reason, .. }) => {
                    stop = Some(reason);
                    None
                }
                read => Some(read?),
            },
        };
        let reason = stop.as_deref().unwrap_or_default();
        let (load, skipped) = read.unwrap_or_else(|| (stopped(request, table, reason), false));
        progress.table_done(&load, skipped);
        loads.push(load);
    }
    Ok(loads)
}

/// Lands one table; tells whether a rival run of the same night was faster.
async fn extract_table(
    request: &ExtractRequest<'_>,
    source: &mut Option<Box<dyn Source>>,
    table: &str,
    config: &TableConfig,
    progress: &dyn Progress,
) -> Result<(TableLoad, bool), ExtractError> {
    request.brake.look().await?;
    let open = match source {
        Some(open) => open,
        None => source.insert(connect(request.source, request.config, request.zone).await?),
    };
    progress.table_started(request.source, table);
    let spec = table_spec(request, open.as_mut(), table, config).await?;
    let txn = transaction(request, table);
    match land::land(request, open.as_mut(), spec, txn, progress).await? {
        Some(load) => Ok((load, false)),
        // The rival's load is the night's load.
        None => Ok((landed_before(request, table).await?.unwrap_or_default(), true)),
    }
}

/// What a table of a stopped source amounts to.
fn stopped(request: &ExtractRequest<'_>, table: String, reason: &str) -> TableLoad {
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    TableLoad {
        source: request.source.to_owned(),
        table,
        mode: "none".to_owned(),
        status: LoadStatus::Stopped,
        notices: vec![format!("not read, the source is stopped{why}")],
        ..TableLoad::default()
    }
}

/// The tables in the order they are read: as configured, unless rows are passed over.
fn ordered_tables(
    request: &ExtractRequest<'_>,
) -> Result<Vec<(String, TableConfig)>, ExtractError> {
    let mut tables = tables(request)?;
    if request.suppression.is_some() {
        let contract = request.contracts.sources.get(request.source);
        suppressed::parents_first(contract, &mut tables);
    }
    Ok(tables)
}

/// The configured tables; those of the contract when none is configured.
fn tables(request: &ExtractRequest<'_>) -> Result<Vec<(String, TableConfig)>, ExtractError> {
    if !request.config.tables.is_empty() {
        let configured = request.config.tables.iter();
        return Ok(configured.map(|(name, table)| (name.clone(), table.clone())).collect());
    }
    match request.contracts.sources.get(request.source) {
        Some(contract) => {
            let names = contract.tables.keys();
            Ok(names.map(|name| (name.clone(), TableConfig::default())).collect())
        }
        None => Err(ExtractError::Configure {
            source_id: request.source.to_owned(),
            what: "no tables are configured and no contract names any".to_owned(),
            hint: "list its tables under `tables:`".to_owned(),
        }),
    }
}

async fn table_spec(
    request: &ExtractRequest<'_>,
    source: &mut dyn Source,
    table: &str,
    config: &TableConfig,
) -> Result<TableSpec, ExtractError> {
    let relation = config.relation(table, request.config.kind);
    let found = source.describe(&relation).await.map_err(|cause| {
        let fault = folder::told(request.source, table, &cause);
        fault.unwrap_or_else(|| ExtractError::Describe {
            source_id: request.source.to_owned(),
            table: table.to_owned(),
            cause,
        })
    })?;
    let contract = request.contracts.sources.get(request.source);
    let contract = contract.and_then(|contract| contract.tables.get(table));
    Plan { source: request.source, table, config, contract, relation, found }.spec()
}

/// Days since 2000-01-01: grows with every night.
fn night(date: NaiveDate) -> i64 {
    watermark::days_since_epoch(date) - 10_957
}

/// The application transaction of this table and run.
fn transaction(request: &ExtractRequest<'_>, table: &str) -> Txn {
    let source = request.source;
    let app_id = match &request.kind {
        LoadKind::Nightly => format!("raw:{source}.{table}"),
        LoadKind::Full => format!("raw-full:{source}.{table}"),
        LoadKind::Backfill { run } => format!("raw-backfill:{source}.{table}:{run}"),
    };
    Txn { app_id, version: night(request.date) }
}

/// The stored load when this run, or a later night, is landed already.
async fn landed_before(
    request: &ExtractRequest<'_>,
    table: &str,
) -> Result<Option<TableLoad>, ExtractError> {
    let id = TableId::raw(request.source, table);
    let txn = transaction(request, table);
    let failed = |cause| ExtractError::ReadLanded {
        source_id: request.source.to_owned(),
        table: table.to_owned(),
        cause,
    };
    if !landed::is_known(request.lake, &id, &txn).await.map_err(failed)? {
        return Ok(None);
    }
    let mut stored = landed::load_under(request.lake, &id, &txn).await.map_err(failed)?;
    if let Some(load) = &mut stored {
        let version = request.lake.table(&id).version_of(&txn).await;
        if let Some(version) = version.map_err(|error| failed(error.into()))? {
            load.reconciled =
                reconcile::compared(request.lake, &id, version).await.map_err(failed)?;
        }
    }
    // A night before the newest one that was never run: its state at the source has passed.
    Ok(Some(stored.unwrap_or_else(|| TableLoad {
        source: request.source.to_owned(),
        table: table.to_owned(),
        mode: "full".to_owned(),
        ..TableLoad::default()
    })))
}
