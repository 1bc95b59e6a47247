//! Extraction: source systems into raw tables.
//!
//! The way of a row: a [`Source`] delivers cells, the [`Intake`] converts, accepts or refuses
//! and counts them, and the landing commits accepted and refused rows, counts and watermark of
//! one table and night in one Delta commit. A run that is killed anywhere leaves a table either
//! as it was or wholly landed; a rerun of the same night finds the commit and reads nothing.
//!
//! Must not know staging SQL, contracts of schema `hub`, or what the rows mean.

mod absent;
mod brake;
mod builder;
mod cell;
mod column;
mod config;
mod csv;
mod error;
mod fault;
mod folder;
mod held;
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
mod ranges;
mod reading;
mod reconcile;
mod reject;
mod retry;
mod schema;
mod sealed;
mod selection;
mod source;
mod sql;
mod sqlite;
#[cfg(feature = "sqlserver")]
mod sqlserver;
mod suppressed;
mod tally;
mod trouble;
mod unread;
mod watermark;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use hub_domain::clock::SharedClock;
use hub_domain::run::TableLoad;
use hub_lake::{Contracts, Lake, TableId, Txn};

pub use brake::{AlwaysOn, Brake, StopSwitch};
pub use cell::{Cell, Civil};
pub use config::{
    CursorConfig, CursorNulls, Deletes, Fault, FlagConfig, FlagValue, KeyFaults, Lag,
    MaxQuarantine, RangeConfig, Reconcile, RereadConfig, ScanConfig, SchemaMode, SchemaPolicy,
    SourceConfig, SourceKind, SourceLimits, SourceUrl, Span, TableConfig, Tolerance,
};
pub use error::{Cause, ExtractError};
pub use intake::Intake;
pub use landed::LOAD_METADATA;
pub use outlet::BatchStream;
pub use quarantined::{Quarantined, quarantined};
pub use reconcile::{Measured, Measuring, agrees, compared};
pub use reject::{Place, Reason};
pub use retry::{RETRY_METADATA, Recovered, Retried, RetryRequest, retry};
pub use schema::{Cursor, FoundColumn, KeyScan, Native, Relation, SpecColumn, TableSpec};
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
    /// Days of the past, once more; watermarks stay.
    Backfill(Backfill),
}

/// Which days of which tables are read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// First business day.
    pub from: NaiveDate,
    /// Last business day, included.
    pub to: NaiveDate,
    /// Tables as the configuration names them; all that have a column for days when empty.
    pub tables: Vec<String>,
    /// Parts the days are read in, at most as many at once as the source allows connections.
    pub chunks: u32,
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
    let mut sources = Vec::new();
    let result = extract_tables(request, &mut sources, progress).await;
    for source in sources {
        source.close().await;
    }
    result
}

async fn extract_tables(
    request: &ExtractRequest<'_>,
    sources: &mut Vec<Box<dyn Source>>,
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
            None => match extract_table(request, sources, &table, &config, progress).await {
                // What is left is not read either: half of the source would be of another moment.
                Err(ExtractError::Stopped { reason, .. }) => {
                    stop = Some(reason);
                    None
                }
                Err(drift @ ExtractError::Drift { .. }) => {
                    Some((unread::frozen(request, &table, &config, drift).await?, false))
                }
                read => Some(read?),
            },
        };
        let reason = stop.as_deref().unwrap_or_default();
        let stopped = || (unread::stopped(request, &table, reason), false);
        let (load, skipped) = read.unwrap_or_else(stopped);
        progress.table_done(&load, skipped);
        loads.push(load);
    }
    Ok(loads)
}

/// Lands one table; tells whether a rival run of the same night was faster.
async fn extract_table(
    request: &ExtractRequest<'_>,
    sources: &mut Vec<Box<dyn Source>>,
    table: &str,
    config: &TableConfig,
    progress: &dyn Progress,
) -> Result<(TableLoad, bool), ExtractError> {
    request.brake.look().await?;
    open(request, sources).await?;
    progress.table_started(request.source, table);
    let spec = table_spec(request, sources[0].as_mut(), table, config).await?;
    if let LoadKind::Backfill(backfill) = &request.kind
        && backfill.tables.is_empty()
        && spec.range.is_none()
    {
        return Ok((unread::without_days(request, table), false));
    }
    match land::land(request, sources, spec, progress).await? {
        Some(load) => Ok((load, false)),
        // The rival's load is the night's load.
        None => Ok((landed_before(request, table).await?.unwrap_or_default(), true)),
    }
}

/// Opens the handles a run needs: one, because tables are read one after another; for the parts
/// of a backfill as many as the source allows. They share one moment where its kind can.
async fn open(
    request: &ExtractRequest<'_>,
    sources: &mut Vec<Box<dyn Source>>,
) -> Result<(), ExtractError> {
    let wanted = match &request.kind {
        LoadKind::Backfill(backfill) => backfill.chunks.min(request.config.limits.connections),
        LoadKind::Nightly | LoadKind::Full => 1,
    };
    while sources.len() < wanted.max(1) as usize {
        let twin = match sources.first_mut() {
            Some(first) => first.twin().await,
            None => None,
        };
        sources.push(match twin {
            Some(twin) => twin,
            None => connect(request.source, request.config, request.zone).await?,
        });
    }
    Ok(())
}

fn read_landed(request: &ExtractRequest<'_>, table: &str, cause: error::Cause) -> ExtractError {
    let (source_id, table) = (request.source.to_owned(), table.to_owned());
    ExtractError::ReadLanded { source_id, table, cause }
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

/// The tables of the run: those it names, or all configured ones; those of the contract when
/// none is configured.
fn tables(request: &ExtractRequest<'_>) -> Result<Vec<(String, TableConfig)>, ExtractError> {
    let wrong = |what: String, hint: &str| ExtractError::Configure {
        source_id: request.source.to_owned(),
        what,
        hint: hint.to_owned(),
    };
    let contract = request.contracts.sources.get(request.source);
    let mut tables: Vec<(String, TableConfig)> =
        request.config.tables.iter().map(|(name, table)| (name.clone(), table.clone())).collect();
    if tables.is_empty() {
        let names = contract.into_iter().flat_map(|contract| contract.tables.keys());
        tables = names.map(|name| (name.clone(), TableConfig::default())).collect();
    }
    if tables.is_empty() {
        let what = "no tables are configured and no contract names any".to_owned();
        return Err(wrong(what, "list its tables under `tables:`"));
    }
    if let LoadKind::Backfill(backfill) = &request.kind
        && !backfill.tables.is_empty()
    {
        let known = |name: &String| tables.iter().any(|(table, _)| table == name);
        if let Some(unknown) = backfill.tables.iter().find(|name| !known(name)) {
            let what = format!("there is no table `{unknown}`");
            return Err(wrong(what, "`clinichub sources` lists the tables"));
        }
        tables.retain(|(name, _)| backfill.tables.contains(name));
    }
    Ok(tables)
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
    let failed = |cause| read_landed(request, table, cause);
    let id = TableId::raw(request.source, table);
    let before = match landed::Landed::open(request.lake, id).await.map_err(failed)? {
        Some(prior) => prior.described().await.map_err(failed)?,
        None => None,
    };
    let (source, before) = (request.source, before.as_deref());
    Plan { source, table, config, contract, relation, found, before }.spec()
}

/// Days since 2000-01-01: grows with every night.
fn night(date: NaiveDate) -> i64 {
    watermark::days_since_epoch(date) - 10_957
}

/// The application transaction of this table and run. A backfill has no day of its own: each is
/// a new one, numbered by the landing it makes.
fn transaction(request: &ExtractRequest<'_>, table: &str, landing: i64) -> Txn {
    let source = request.source;
    let (app_id, version) = match &request.kind {
        LoadKind::Nightly => (format!("raw:{source}.{table}"), night(request.date)),
        LoadKind::Full => (format!("raw-full:{source}.{table}"), night(request.date)),
        LoadKind::Backfill(_) => (format!("raw-backfill:{source}.{table}"), landing),
    };
    Txn { app_id, version }
}

/// The stored load when this run, or a later night, is landed already.
async fn landed_before(
    request: &ExtractRequest<'_>,
    table: &str,
) -> Result<Option<TableLoad>, ExtractError> {
    let id = TableId::raw(request.source, table);
    if matches!(request.kind, LoadKind::Backfill(_)) {
        return Ok(None);
    }
    let txn = transaction(request, table, 0);
    let failed = |cause| read_landed(request, table, cause);
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
