//! What can go wrong between a file and an answer, with its place and what to do about it.

use std::io;

/// A failed analysis; the text ends with a `hint:` line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot read `{file}`\nhint: give the path of a file, or `-` for standard input")]
    ReadFile {
        /// As given.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no CSV, or not UTF-8.
    #[error("{place}: cannot read as CSV\nhint: save the file as comma-separated UTF-8")]
    ReadCsv {
        /// `file:line`.
        place: String,
        /// Why.
        #[source]
        source: csv::Error,
    },
    /// The rules are no valid YAML of the documented shape.
    #[error(
        "cannot read the rules in `{file}`\nhint: see `level1`, `level2`, `level3` in analyze.md"
    )]
    ReadRules {
        /// As given.
        file: String,
        /// Where and why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A column the analysis needs is not there.
    #[error("{file}:1: no column `{column}`\nhint: the columns are `{}`", found.join("`, `"))]
    MissingColumn {
        /// As given.
        file: String,
        /// The missing header.
        column: String,
        /// Headers of the file.
        found: Vec<String>,
    },
    /// Two columns have one name.
    #[error("{file}:1: column `{column}` is there twice\nhint: remove or rename one of them")]
    RepeatedColumn {
        /// As given.
        file: String,
        /// The repeated header.
        column: String,
    },
    /// The options do not fit together or to the data.
    #[error("{message}\nhint: {hint}")]
    Options {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A cell does not hold what its column needs.
    #[error("{place}: column `{column}` holds `{value}`, not {expected}\nhint: {hint}")]
    ParseCell {
        /// `file:line`.
        place: String,
        /// Header of the column.
        column: String,
        /// The text found.
        value: String,
        /// What belongs there.
        expected: &'static str,
        /// How to write it.
        hint: &'static str,
    },
    /// The rule refuses the data.
    #[error("{place}: {message}\nhint: {hint}")]
    Refuse {
        /// `file:line`, or the file when no single row is at fault.
        place: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
}

impl Error {
    /// 2 for wrong usage (file, columns, options, rules), 1 for data the analysis refuses.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ReadFile { .. }
            | Self::ReadRules { .. }
            | Self::MissingColumn { .. }
            | Self::RepeatedColumn { .. }
            | Self::Options { .. } => 2,
            Self::ReadCsv { .. } | Self::ParseCell { .. } | Self::Refuse { .. } => 1,
        }
    }
}
