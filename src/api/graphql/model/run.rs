//! Runs of the nightly.

use async_graphql::{Enum, ID, SimpleObject};
use hub_domain::run as domain;

use crate::graphql::scalars::{Date, DateTime};

/// Where a run ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::run::RunStatus")]
pub(crate) enum RunStatus {
    /// Still going, or killed before it could say.
    Running,
    /// A snapshot was published.
    Published,
    /// The audit refused to publish; the previous snapshot is served.
    Refused,
    /// Something failed before publication.
    Failed,
    /// Everything but publication, as asked.
    DryRun,
}

/// One run.
#[derive(SimpleObject)]
pub(crate) struct Run {
    /// Run id.
    id: ID,
    /// `nightly`, `backfill`.
    kind: String,
    /// Business day.
    business_date: Date,
    /// Start.
    started_at: DateTime,
    /// End; null while running.
    finished_at: Option<DateTime>,
    /// Where it ended.
    status: RunStatus,
    /// Snapshot it published.
    snapshot_id: Option<ID>,
    /// Counts per source table.
    loads: Vec<TableLoad>,
    /// Wall time per stage.
    stages: Vec<StageTime>,
    /// Code and text of the failure, without data values.
    error: Option<String>,
}

/// Whether a table's night is in the lake.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::run::LoadStatus")]
pub(crate) enum LoadStatus {
    /// Landed, now or by an earlier run of the same night.
    Loaded,
    /// The source's columns drifted: the table stays as it was landed last, the others load.
    Frozen,
    /// Reading the source is switched off: the table stays as it was landed last.
    Stopped,
}

/// Counts of one source table: `rowsRead = rowsLoaded + rowsRejected`, exactly.
#[derive(SimpleObject)]
pub(crate) struct TableLoad {
    /// Source id.
    source: String,
    /// Table at the source.
    table: String,
    /// `full`, `cursor` or `backfill`.
    mode: String,
    /// Whether the night is in the lake.
    status: LoadStatus,
    /// What an operator should know, such as columns that came or went.
    notices: Vec<String>,
    /// Rows the source delivered.
    rows_read: u64,
    /// Rows landed.
    rows_loaded: u64,
    /// Rows in quarantine.
    rows_rejected: u64,
    /// Rows in quarantine, by reason.
    rejected: Vec<RejectedRows>,
    /// Rows found deleted at the source.
    rows_deleted: u64,
    /// Cursor value before; null for full reads.
    watermark_before: Option<String>,
    /// Cursor value after; null for full reads of tables without a cursor.
    watermark_after: Option<String>,
    /// Bytes of the files written.
    bytes_written: u64,
    /// Files written.
    files_written: u64,
    /// Version of the landed table that holds the night; null when it is not in the lake.
    version: Option<u64>,
    /// Source against lake; empty where the source cannot be asked.
    reconciled: Vec<ReconciledAmount>,
    /// Wall time in milliseconds.
    duration_ms: u64,
    /// Wall time of its parts: `read`, `keys`, `reconcile`, `write`.
    parts: Vec<PartTime>,
}

/// The same amount, counted at the source and in the lake.
#[derive(SimpleObject)]
pub(crate) struct ReconciledAmount {
    /// What is compared: `rows`, `keys`, `sum:<column>`.
    amount: String,
    /// As the source counts it.
    source: String,
    /// As the lake holds it, rows in quarantine included.
    lake: String,
    /// Whether both are equal.
    equal: bool,
}

/// Wall time of one part of a load.
#[derive(SimpleObject)]
pub(crate) struct PartTime {
    /// `read`, `keys`, `reconcile`, `write`.
    part: String,
    /// Milliseconds.
    duration_ms: u64,
}

/// Rows in quarantine for one reason.
#[derive(SimpleObject)]
pub(crate) struct RejectedRows {
    /// Reason code.
    reason: String,
    /// Rows.
    rows: u64,
}

/// Wall time of one stage.
#[derive(SimpleObject)]
pub(crate) struct StageTime {
    /// `extract`, `build`, `audit`, `publish`, `detect`, `notify`.
    stage: String,
    /// Milliseconds.
    duration_ms: u64,
}

impl From<domain::Run> for Run {
    fn from(run: domain::Run) -> Self {
        let stages = run.stages.into_iter();
        Self {
            id: ID(run.id),
            kind: run.kind,
            business_date: run.business_date.into(),
            started_at: run.started_at.into(),
            finished_at: run.finished_at.map(DateTime::from),
            status: run.status.into(),
            snapshot_id: run.snapshot_id.map(ID::from),
            loads: run.loads.into_iter().map(TableLoad::from).collect(),
            stages: stages
                .map(|time| StageTime { stage: time.stage, duration_ms: time.duration_ms })
                .collect(),
            error: run.error,
        }
    }
}

impl From<domain::TableLoad> for TableLoad {
    fn from(load: domain::TableLoad) -> Self {
        let rows_rejected = load.rows_rejected();
        let rejected = load.rejected.into_iter();
        let reconciled = load.reconciled.into_iter().map(ReconciledAmount::from);
        let parts = load.parts_ms.into_iter();
        Self {
            source: load.source,
            table: load.table,
            mode: load.mode,
            status: load.status.into(),
            notices: load.notices,
            rows_read: load.rows_read,
            rows_loaded: load.rows_loaded,
            rows_rejected,
            rejected: rejected.map(|(reason, rows)| RejectedRows { reason, rows }).collect(),
            rows_deleted: load.rows_deleted,
            watermark_before: load.watermark_before,
            watermark_after: load.watermark_after,
            bytes_written: load.bytes_written,
            files_written: load.files_written,
            version: load.version,
            reconciled: reconciled.collect(),
            duration_ms: load.duration_ms,
            parts: parts.map(|(part, duration_ms)| PartTime { part, duration_ms }).collect(),
        }
    }
}

impl From<domain::Reconciled> for ReconciledAmount {
    fn from(found: domain::Reconciled) -> Self {
        let equal = found.source == found.lake;
        Self { amount: found.amount, source: found.source, lake: found.lake, equal }
    }
}
