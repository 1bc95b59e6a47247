//! What can go wrong in the lake. Texts name tables, versions and columns, never cell values.

use deltalake_core::DeltaTableError;

/// A failed operation of the lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The lake's address cannot be used.
    #[error("lake address `{url}` cannot be used: {reason}")]
    Address {
        /// The address, without credentials.
        url: String,
        /// Why.
        reason: String,
    },
    /// The store does not keep the promise commits rest on.
    #[error(
        "the store of `{url}` does not keep two writers apart: {check}: {found}\n  hint: use a store \
         that honours conditional creation (AWS S3, Google Cloud Storage, Azure Blob Storage, Ceph \
         RadosGW, MinIO), or set `single_writer: true` under `lake:` where one hub alone writes"
    )]
    NotExclusive {
        /// The address.
        url: String,
        /// What was tried.
        check: &'static str,
        /// What came of it.
        found: String,
    },
    /// Reading or writing an object failed.
    #[error("object `{path}` could not be {verb}")]
    Object {
        /// Object path inside the lake.
        path: String,
        /// `read`, `written`, `listed`, `deleted` or `synced`.
        verb: &'static str,
        /// Cause.
        #[source]
        source: object_store::Error,
    },
    /// A file of the local lake could not be made durable.
    #[error("file `{path}` could not be synced to disk")]
    Sync {
        /// File path.
        path: String,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The log of a table cannot be read.
    #[error("the log of table `{table}` cannot be read{}", at(*.version))]
    Log {
        /// Table path.
        table: String,
        /// Version asked for; none for the newest.
        version: Option<u64>,
        /// Cause.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// The log of a table is damaged.
    #[error(
        "table `{table}` cannot be read at version {version}: its commit `{object}` {damage}\n  \
         hint: restore it from a backup; {way_out}"
    )]
    Damaged {
        /// Table path.
        table: String,
        /// Version asked for.
        version: u64,
        /// Path of the damaged commit inside the lake.
        object: String,
        /// `is missing`, `is cut off or garbled`.
        damage: &'static str,
        /// What to do meanwhile.
        way_out: String,
    },
    /// A data file of a table is damaged.
    #[error(
        "table `{table}` cannot be read at version {version}: its file `{object}` {damage}\n  hint: \
         restore it from a backup; until then `clinichub snapshot list` names the nights \
         `clinichub snapshot rollback` can serve again"
    )]
    DamagedFile {
        /// Table path.
        table: String,
        /// Version read.
        version: u64,
        /// Path of the file inside the store.
        object: String,
        /// `is missing`, `is cut off or garbled`, `cannot be read`.
        damage: &'static str,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table does not exist, or not at this version.
    #[error("no table `{table}`{}", at(*.version))]
    NoTable {
        /// Table path.
        table: String,
        /// Version asked for; none for any.
        version: Option<u64>,
    },
    /// The table uses a feature this reader would answer wrongly.
    #[error("table `{table}` uses {feature}, which this reader refuses")]
    Unsupported {
        /// Table path.
        table: String,
        /// `deletion vectors`, `column mapping`, a type name.
        feature: String,
    },
    /// The columns written do not fit the columns the table has.
    #[error("column `{column}` of table `{table}` is {found}, the table holds {expected}")]
    SchemaConflict {
        /// Table path.
        table: String,
        /// Column.
        column: String,
        /// Type in the write.
        found: String,
        /// Type in the table.
        expected: String,
    },
    /// The write itself is described wrongly.
    #[error("write to table `{table}` cannot be done: {reason}")]
    BadWrite {
        /// Table path.
        table: String,
        /// Why.
        reason: String,
    },
    /// The rows to write could not be produced, sorted or encoded.
    #[error("rows for table `{table}` could not be {verb}")]
    Rows {
        /// Table path.
        table: String,
        /// `read`, `sorted` or `encoded`.
        verb: &'static str,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The commit failed for another reason than a rival writer.
    #[error("commit to table `{table}` failed")]
    Commit {
        /// Table path.
        table: String,
        /// Cause.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// Rival writers won every attempt.
    #[error("commit to table `{table}` lost against other writers {attempts} times")]
    Contended {
        /// Table path.
        table: String,
        /// Attempts made.
        attempts: u32,
    },
    /// Files that were to be replaced are no longer part of the table.
    #[error("another writer replaced files of table `{table}` meanwhile")]
    Overtaken {
        /// Table path.
        table: String,
    },
    /// The snapshot was published and is kept no longer.
    #[error(
        "snapshot {id} has expired\n  hint: the oldest kept one is {oldest}; `lake.retention` \
         decides how long snapshots are kept"
    )]
    SnapshotExpired {
        /// Snapshot number.
        id: u64,
        /// The oldest one kept.
        oldest: u64,
    },
    /// The snapshot number is taken by another snapshot.
    #[error("snapshot {id} is already published")]
    PublishTaken {
        /// Snapshot number.
        id: u64,
    },
    /// Another writer took over.
    #[error(
        "the lease with token {token} is lost: a newer holder has token {newest}\n  hint: nothing \
         was written after the takeover; the newer run goes on"
    )]
    LeaseLost {
        /// Token of this writer.
        token: u64,
        /// Newest token known.
        newest: u64,
    },
    /// Nobody can tell whether this writer may still write, so it does not.
    #[error("whether the lease with token {token} is still held cannot be told")]
    FenceUnknown {
        /// Token of this writer.
        token: u64,
        /// Cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No such snapshot.
    #[error("no published snapshot {id}")]
    NoSnapshot {
        /// Snapshot number.
        id: u64,
    },
    /// A published snapshot cannot be understood.
    #[error("published snapshot {id} cannot be understood")]
    BadSnapshot {
        /// Snapshot number.
        id: u64,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
    /// Kept definitions cannot be written down or understood.
    #[error("the definitions with hash `{hash}` cannot be understood")]
    BadDefinitions {
        /// Their hash.
        hash: String,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
}

fn at(version: Option<u64>) -> String {
    version.map_or_else(String::new, |version| format!(" at version {version}"))
}

impl LakeError {
    /// Whether what was written is no longer there as it was written. Such a text names table,
    /// version and object, and may be shown.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::DamagedFile { .. } | Self::NoTable { .. })
    }

    /// Wraps a failure of the rows of a write.
    pub(crate) fn rows(
        table: &str,
        verb: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Rows { table: table.to_owned(), verb, source: source.into() }
    }
}

impl From<LakeError> for hub_domain::Error {
    fn from(error: LakeError) -> Self {
        match error {
            LakeError::NoSnapshot { .. } => Self::NotFound { what: "snapshot" },
            LakeError::SnapshotExpired { id, oldest } => Self::bad_input_hint(
                format!("snapshot {id} has expired"),
                format!("the oldest kept one is {oldest}"),
            ),
            other => Self::internal(other),
        }
    }
}
