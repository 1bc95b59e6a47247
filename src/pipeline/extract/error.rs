//! What can go wrong while a source is read and landed. Texts name source, table and column and
//! what to do; they never hold a cell value.

use super::trouble::Trouble;

/// Boxed cause: the driver's own error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failed extraction. Nothing of the table it names was committed.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The configuration of a source cannot work.
    #[error("source `{source_id}`: {what}\n  hint: {hint}")]
    Configure {
        /// Source id.
        source_id: String,
        /// What is wrong, values in backticks.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The source could not be reached or its transaction not started.
    #[error(
        "cannot open source `{source_id}` ({kind}){}\n  hint: {}",
        Trouble::of(.cause).what(),
        Trouble::of(.cause).hint().unwrap_or(
            "check its address, its credentials, its certificate (`sslmode`, `sslrootcert`) and \
             whether it allows a read-only session"
        )
    )]
    Connect {
        /// Source id.
        source_id: String,
        /// Kind of source.
        kind: &'static str,
        /// Driver's error.
        #[source]
        cause: Cause,
    },
    /// A table's columns could not be learned.
    #[error(
        "cannot describe table `{table}` of source `{source_id}`{}\n  hint: {}",
        Trouble::of(.cause).what(),
        Trouble::of(.cause).hint().unwrap_or(
            "check `from`, `query` or `file` of the table and the right to read it"
        )
    )]
    Describe {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// Driver's error.
        #[source]
        cause: Cause,
    },
    /// The source no longer has the shape its contract declares.
    #[error("table `{table}` of source `{source_id}`: {what}\n  hint: {hint}")]
    Drift {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// What differs, column in backticks.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A file cannot be what it should be.
    #[error("table `{table}` of source `{source_id}`: {what}\n  hint: {hint}")]
    File {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// What is wrong, the file in backticks.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Reading broke off.
    #[error(
        "reading table `{table}` of source `{source_id}` broke off{}\n  hint: {}",
        Trouble::of(.cause).what(),
        Trouble::of(.cause)
            .hint()
            .unwrap_or("run the nightly again; nothing of this table was landed")
    )]
    Read {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// Driver's error.
        #[source]
        cause: Cause,
    },
    /// An operator switched the reading of the source off.
    #[error(
        "source `{source_id}` is stopped: {reason}\n  hint: `clinichub sources start {source_id}` \
         lets it be read again"
    )]
    Stopped {
        /// Source id.
        source_id: String,
        /// What the operator said; may be empty.
        reason: String,
    },
    /// A row has no cursor value, so no later run would know whether it was read.
    #[error(
        "table `{table}` of source `{source_id}` has a row whose cursor column `{column}` is \
         NULL\n  hint: fill the column at the source, read the table full (drop `cursor`), or \
         set `nulls` under `cursor`: `reject` quarantines such rows, `include` reads them every \
         night, `exclude` does not ask for them"
    )]
    NullCursor {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// Cursor column.
        column: String,
    },
    /// What was landed before could not be read back.
    #[error("cannot read what `{table}` of source `{source_id}` landed before")]
    ReadLanded {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// Lake's error.
        #[source]
        cause: Cause,
    },
    /// The commit to the raw table failed.
    #[error(
        "cannot land table `{table}` of source `{source_id}`\n  hint: check that the lake can be \
         written; run the nightly again"
    )]
    Land {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// Lake's error.
        #[source]
        cause: Cause,
    },
    /// Rows read and rows landed or quarantined do not add up: a defect of this program.
    #[error(
        "table `{table}` of source `{source_id}`: read {read} rows but accounts for {accounted}"
    )]
    Miscount {
        /// Source id.
        source_id: String,
        /// Table.
        table: String,
        /// Rows read.
        read: u64,
        /// Rows loaded plus rows rejected.
        accounted: u64,
    },
}

/// A fault told in words, for causes that have no error of their own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Told(pub(super) String);
