//! The published snapshot: the one set of table versions that readers see.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// Which published snapshot a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnapshotPick {
    /// The newest.
    #[default]
    Latest,
    /// Number `n`.
    Id(u64),
    /// The newest published at or before an instant.
    AsOf(DateTime<Utc>),
}

/// Outcome of one audit check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditResult {
    /// Checked table.
    pub table: String,
    /// Check id such as `unique:visit_id`.
    pub check: String,
    /// Rows that break the check; 0 means passed.
    pub failures: u64,
    /// Whether failures stop publication.
    pub blocking: bool,
}

/// One published snapshot, as stored by a single put-if-absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number, counting from 1 without gaps.
    pub id: u64,
    /// Business day whose nightly made it.
    pub business_date: NaiveDate,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// Run that made it.
    pub run_id: String,
    /// Table name (`visit`, `raw/his.t_jz`) → Delta version.
    pub tables: BTreeMap<String, u64>,
    /// Hash over contracts and queries that made the tables.
    pub definition_hash: String,
    /// Audit results, all of them.
    pub audits: Vec<AuditResult>,
    /// Number of the snapshot whose tables are served again, when this is a rollback.
    pub rollback_of: Option<u64>,
    /// Fencing token of the lease it was published under; 0 when there was none. Never shrinks
    /// from one snapshot to the next.
    #[serde(default)]
    pub lease_token: u64,
}

/// How fresh an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// Snapshot the answer was read from.
    pub snapshot_id: u64,
    /// Last complete business day.
    pub data_through: NaiveDate,
    /// When the snapshot was published.
    pub published_at: DateTime<Utc>,
    /// Whether the answer includes days after `data_through`.
    pub provisional: bool,
}
