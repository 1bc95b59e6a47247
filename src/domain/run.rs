//! What a nightly run did, as operators see it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// Where a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Still going, or killed before it could say.
    Running,
    /// A snapshot was published.
    Published,
    /// The audit refused to publish; the previous snapshot is served.
    Refused,
    /// Something failed before publication.
    Failed,
    /// `--dry-run`: everything but publication.
    DryRun,
}

/// Whether a table's night is in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum LoadStatus {
    /// Landed, now or by an earlier run of the same night.
    #[default]
    Loaded,
    /// The source's columns drifted: the table stays as it was landed last, the others load.
    Frozen,
    /// Reading the source is switched off: the table stays as it was landed last.
    Stopped,
}

/// The same amounts, counted at the source and in the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// What is compared: `rows`, `keys`, `sum:<column>`.
    pub amount: String,
    /// As the source counts it, in the transaction the rows were read in.
    pub source: String,
    /// As the lake holds it, rows in quarantine included.
    pub lake: String,
}

/// Counts of one source table in one run. `rows_read = rows_loaded + rows_rejected`, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct TableLoad {
    /// Source id.
    pub source: String,
    /// Table at the source.
    pub table: String,
    /// `full`, `cursor` or `backfill`.
    pub mode: String,
    /// Whether the night is in the lake.
    #[serde(default)]
    pub status: LoadStatus,
    /// What an operator should know, such as columns that came or went; never a data value.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Rows the source delivered.
    pub rows_read: u64,
    /// Rows landed.
    pub rows_loaded: u64,
    /// Rows in quarantine, by reason.
    pub rejected: std::collections::BTreeMap<String, u64>,
    /// Refused rows that were not in quarantine before.
    #[serde(default)]
    pub rejected_new: u64,
    /// Those of them whose key is at fault.
    #[serde(default)]
    pub key_faults: u64,
    /// Rows found deleted at the source.
    pub rows_deleted: u64,
    /// Cursor value before and after, as text; none for full reads.
    pub watermark_before: Option<String>,
    /// See `watermark_before`.
    pub watermark_after: Option<String>,
    /// Bytes of the files written.
    #[serde(default)]
    pub bytes_written: u64,
    /// Files written.
    #[serde(default)]
    pub files_written: u64,
    /// Version of the landed table that holds the night.
    #[serde(default)]
    pub version: Option<u64>,
    /// Source against lake; empty where the source cannot be asked.
    #[serde(default)]
    pub reconciled: Vec<Reconciled>,
    /// Wall time in milliseconds.
    pub duration_ms: u64,
    /// Wall time of its parts in milliseconds: `read`, `keys`, `reconcile`, `write`.
    #[serde(default)]
    pub parts_ms: std::collections::BTreeMap<String, u64>,
}

impl TableLoad {
    /// Rows rejected for any reason.
    #[must_use]
    pub fn rows_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// Wall time of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    /// `extract`, `build`, `audit`, `publish`, `detect`, `notify`.
    pub stage: String,
    /// Milliseconds.
    pub duration_ms: u64,
}

/// Business days a run is about, half open, so that intervals chain without overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// First day.
    pub from: NaiveDate,
    /// Day after the last.
    pub to: NaiveDate,
}

impl Interval {
    /// One day.
    #[must_use]
    pub fn day(day: NaiveDate) -> Self {
        Self { from: day, to: day.succ_opt().unwrap_or(day) }
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(&self) -> NaiveDate {
        self.to.pred_opt().unwrap_or(self.to)
    }
}

/// One run of the nightly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Run id (uuid text).
    pub id: String,
    /// `nightly`, `backfill`.
    pub kind: String,
    /// Business day.
    pub business_date: NaiveDate,
    /// Business days it makes up for; several when nights before it were missed.
    #[serde(default)]
    pub interval: Option<Interval>,
    /// Fencing token of the lease it ran under; none when it ran without one.
    #[serde(default)]
    pub lease_token: Option<u64>,
    /// Start.
    pub started_at: DateTime<Utc>,
    /// End; none while running.
    pub finished_at: Option<DateTime<Utc>>,
    /// Where it ended.
    pub status: RunStatus,
    /// Snapshot it published.
    pub snapshot_id: Option<u64>,
    /// Per source table.
    pub loads: Vec<TableLoad>,
    /// Per stage.
    pub stages: Vec<StageTime>,
    /// Stable error code and text without data values, when it failed.
    pub error: Option<String>,
}
