//! A check that could not be run.

use datafusion::error::DataFusionError;
use hub_lake::LakeError;

/// A failed audit: it says nothing about the data.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The check does not fit the table: an unknown column, a type that cannot be compared.
    #[error("check `{check}` of table `{table}` does not plan: {what}")]
    Plan {
        /// Table.
        table: String,
        /// Check id.
        check: String,
        /// What the planner said; it has seen no rows.
        what: String,
    },
    /// The check failed on the data.
    #[error("check `{check}` of table `{table}` could not be run to its end")]
    Run {
        /// Table.
        table: String,
        /// Check id.
        check: String,
        /// Cause; it may quote a value and is never printed.
        #[source]
        cause: Box<DataFusionError>,
    },
    /// What a load wrote cannot be read back.
    #[error("what was landed in `{table}` cannot be compared with its source")]
    Unreconciled {
        /// Table.
        table: String,
        /// Cause; it may quote a value and is never printed.
        #[source]
        cause: crate::extract::Cause,
    },
    /// The published tables cannot be read.
    #[error("published table `{table}` cannot be read: {what}")]
    Lake {
        /// Table.
        table: String,
        /// The lake's own text, free of data.
        what: String,
        /// Cause.
        #[source]
        cause: Box<LakeError>,
    },
}

impl AuditError {
    pub(super) fn plan(table: &str, check: &str, cause: &DataFusionError) -> Self {
        let text = cause.strip_backtrace();
        let what = text.lines().next().unwrap_or_default().to_owned();
        Self::Plan { table: table.to_owned(), check: check.to_owned(), what }
    }

    pub(super) fn run(table: &str, check: &str, cause: DataFusionError) -> Self {
        Self::Run { table: table.to_owned(), check: check.to_owned(), cause: Box::new(cause) }
    }
}
