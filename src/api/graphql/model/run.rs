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

/// Counts of one source table: `rowsRead = rowsLoaded + rowsRejected`, exactly.
#[derive(SimpleObject)]
pub(crate) struct TableLoad {
    /// Source id.
    source: String,
    /// Table at the source.
    table: String,
    /// `full` or `cursor`.
    mode: String,
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
    /// Wall time in milliseconds.
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
        Self {
            source: load.source,
            table: load.table,
            mode: load.mode,
            rows_read: load.rows_read,
            rows_loaded: load.rows_loaded,
            rows_rejected,
            rejected: rejected.map(|(reason, rows)| RejectedRows { reason, rows }).collect(),
            rows_deleted: load.rows_deleted,
            duration_ms: load.duration_ms,
        }
    }
}
