//! One write of one table: rows become files, files become one commit, exactly once.
//!
//! Delta only guarantees that a version is written once; it accepts a repeated application
//! transaction. So every write carries one, looks for it before doing anything, and looks again
//! on every attempt. Each attempt is valid for exactly the version it read, so no conflict rules
//! are needed: a rival commit means reload, look again, try again.

mod actions;
mod commit;
mod encoding;
mod files;
mod sort;
mod stats;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use hub_domain::contract::TableContract;

pub(crate) use actions::plain;
pub(crate) use commit::write;
pub(crate) use files::FILE_BYTES;
pub use sort::SortKey;
pub(crate) use sort::sort_runtime;
pub(crate) use stats::EXACT_DIGITS;

/// What happens to the rows the table already holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteMode {
    /// They stay.
    Append,
    /// All of them are replaced.
    Overwrite,
    /// Those of the named partitions are replaced; the new rows lie in these partitions only.
    ReplaceMonths(Vec<String>),
    /// Those of the named files (paths below the table's root) are replaced; all of these files
    /// have to be there still.
    ReplaceFiles {
        /// The files.
        paths: BTreeSet<String>,
        /// Whether readers of current rows see the same before and after: the new version then
        /// counts as the content of the old one.
        same_content: bool,
    },
}

/// Commit metadata of a version that only lays the rows of another one out anew: its number.
pub(crate) const CONTENT_METADATA: &str = "clinichub.content";

impl WriteMode {
    /// Whether the write changes what the table says.
    pub(crate) fn changes_data(&self) -> bool {
        !matches!(self, Self::ReplaceFiles { same_content: true, .. })
    }
}

/// Application transaction: a write whose version the table already knows is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Txn {
    /// Who writes, such as `load:his.t_jz`.
    pub app_id: String,
    /// Number that grows with every new write of this application.
    pub version: i64,
}

/// Metadata that is known only after the last row passed, such as counts of rows.
#[derive(Clone)]
pub struct LateMetadata(Arc<dyn Fn(Written) -> BTreeMap<String, String> + Send + Sync>);

/// What lies in the store when a commit is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows of the files.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many they are.
    pub files: u64,
}

impl std::fmt::Debug for LateMetadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LateMetadata(…)")
    }
}

/// Describes one write.
#[derive(Debug, Clone)]
pub struct WriteSpec {
    /// Columns of the rows, partition column included.
    pub schema: SchemaRef,
    /// Text column by which files are split.
    pub partition_by: Option<String>,
    /// Order of rows inside files.
    pub sort: Vec<SortKey>,
    /// What happens to rows already there.
    pub mode: WriteMode,
    /// Transaction that makes the write happen once.
    pub txn: Txn,
    /// Kept in the commit; keys start with `clinichub.`.
    pub metadata: BTreeMap<String, String>,
    /// More of it, asked for when all rows are written and the commit is about to be made.
    pub late_metadata: Option<LateMetadata>,
}

impl WriteSpec {
    /// A write of rows of `schema`, unsorted and in one partition.
    #[must_use]
    pub fn new(schema: SchemaRef, mode: WriteMode, txn: Txn) -> Self {
        let (partition_by, sort, metadata) = (None, Vec::new(), BTreeMap::new());
        Self { schema, partition_by, sort, mode, txn, metadata, late_metadata: None }
    }

    /// Lays the files out as `contract` says.
    #[must_use]
    pub fn laid_out_as(mut self, contract: &TableContract) -> Self {
        self.partition_by.clone_from(&contract.partition_by);
        self.sort = contract.sort.iter().filter_map(|entry| SortKey::parse(entry)).collect();
        self
    }

    /// Adds a metadata entry.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

impl WriteSpec {
    /// Says that the table means the same as at `version`: what is made from it stays as it is.
    #[must_use]
    pub fn keeping_content_of(self, version: u64) -> Self {
        self.with_metadata(CONTENT_METADATA, version.to_string())
    }

    /// Adds metadata that `entries` tells once the last row is written.
    #[must_use]
    pub fn with_late_metadata(
        mut self,
        entries: impl Fn(Written) -> BTreeMap<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.late_metadata = Some(LateMetadata(Arc::new(entries)));
        self
    }

    /// All metadata of the commit; the rows are written by now.
    pub(crate) fn whole_metadata(&self, written: Written) -> BTreeMap<String, String> {
        let mut all = self.metadata.clone();
        if let Some(LateMetadata(entries)) = &self.late_metadata {
            all.extend(entries(written));
        }
        all
    }
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Version of the table after it.
    pub version: u64,
    /// Rows written; 0 when skipped.
    pub rows: u64,
    /// Whether the table already knew the transaction.
    pub skipped: bool,
}

impl WriteOutcome {
    /// The transaction was known at `version` already.
    pub(crate) fn known(version: u64) -> Self {
        Self { version, rows: 0, skipped: true }
    }
}
