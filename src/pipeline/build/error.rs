//! What can go wrong in a build. Texts name tables and columns; an engine's own text about rows
//! may hold a cell value, so only texts about statements are passed on.

use datafusion::error::DataFusionError;
use hub_lake::LakeError;

/// A failed build. Nothing of it is published.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The query context could not be set up.
    #[error("the build context could not be set up")]
    Context(#[source] Box<hub_engine::Error>),
    /// A node's table has no contract.
    #[error(
        "table `{table}` is made by a query and has no contract\n  hint: add \
         schema/tables/{table}.yaml"
    )]
    NoContract {
        /// Table.
        table: String,
    },
    /// The node's query does not fit the tables it reads.
    #[error("the query of table `{table}` does not plan: {what}")]
    Plan {
        /// Table.
        table: String,
        /// What the planner said; it has seen no rows.
        what: String,
    },
    /// The columns of the query are not the columns of the contract.
    #[error("the query of table `{table}` {what}\n  hint: {hint}")]
    Columns {
        /// Table.
        table: String,
        /// What differs.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// The node's query failed on the data.
    #[error("the query of table `{table}` failed: {kind}")]
    Run {
        /// Table.
        table: String,
        /// Kind of failure, without data.
        kind: &'static str,
        /// Cause; it may quote a value and is never printed.
        #[source]
        cause: Box<DataFusionError>,
    },
    /// The lake failed.
    #[error("table `{table}` could not be read or written: {what}")]
    Lake {
        /// Table.
        table: String,
        /// The lake's own text, free of data.
        what: String,
        /// Cause.
        #[source]
        cause: Box<LakeError>,
    },
    /// Another build wrote the table meanwhile.
    #[error("another build wrote table `{table}` meanwhile\n  hint: run one nightly at a time")]
    Rival {
        /// Table.
        table: String,
    },
    /// A node's task panicked or was stopped.
    #[error("a build task stopped")]
    Stopped(#[source] tokio::task::JoinError),
}

impl BuildError {
    pub(crate) fn lake(table: &str, cause: LakeError) -> Self {
        // Rows come from the query: its failure arrives as a failed write.
        if let LakeError::Rows { source, .. } = &cause
            && let Some(inner) = source.downcast_ref::<DataFusionError>()
        {
            let kind = kind(inner);
            return Self::Run {
                table: table.to_owned(),
                kind,
                cause: Box::new(DataFusionError::External(Box::new(cause))),
            };
        }
        Self::Lake { table: table.to_owned(), what: cause.to_string(), cause: Box::new(cause) }
    }

    pub(crate) fn plan(table: &str, cause: &DataFusionError) -> Self {
        let text = cause.strip_backtrace();
        let what = text.lines().next().unwrap_or_default().to_owned();
        Self::Plan { table: table.to_owned(), what }
    }

    /// Which operators held the memory, where the query found too little of it; other tables may
    /// have been among them. Names operators and sizes only.
    pub(super) fn memory(&self) -> Option<String> {
        let Self::Run { kind: MEMORY, cause, .. } = self else { return None };
        let mut cause: &DataFusionError = cause.find_root();
        while let DataFusionError::External(inner) = cause
            && let Some(LakeError::Rows { source, .. }) = inner.downcast_ref()
            && let Some(inner) = source.downcast_ref::<DataFusionError>()
        {
            cause = inner.find_root();
        }
        Some(cause.strip_backtrace())
    }

    pub(crate) fn run(table: &str, cause: DataFusionError) -> Self {
        Self::Run { table: table.to_owned(), kind: kind(&cause), cause: Box::new(cause) }
    }
}

/// Kind of a failure that leaves out what others held at the same time.
const MEMORY: &str = "it needs more memory than it may have\n  hint: raise `nightly.memory_mib`";

/// What happened, in words that hold no data.
fn kind(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => MEMORY,
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
            "a value does not fit the type or the operation it is used with"
        }
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => {
            "a file could not be read"
        }
        _ => "the engine gave up",
    }
}
