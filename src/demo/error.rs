//! What can go wrong while the demo sources are made, advanced or copied.
use std::path::PathBuf;

/// Failure of a demo operation; the variant names the operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The demo was asked for a size or span it cannot make.
    #[error("demo specification is not usable: {reason}\nhint: {hint}")]
    Spec {
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// An embedded source contract does not parse.
    #[error("source contract of `{source_name}` is not usable: {reason}")]
    Contract {
        /// The source.
        source_name: &'static str,
        /// Parser message or missing part.
        reason: String,
    },
    /// An embedded reference file does not parse.
    #[error("reference file `{file}` is not usable: {reason}")]
    Reference {
        /// File name under `data/demo`.
        file: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot access `{}`", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The HIS database refused a statement.
    #[error("hospital database `{}` failed", path.display())]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// `truth.json` could not be written.
    #[error("cannot write `truth.json`")]
    Truth(#[source] serde_json::Error),
    /// A night was asked for out of order.
    #[error(
        "night `{asked}` cannot follow night `{current}`\nhint: advance to night `{}` first",
        current + 1
    )]
    Night {
        /// Night asked for, from 1.
        asked: u32,
        /// Night the sources hold.
        current: u32,
    },
    /// The address names no supported server.
    #[error("cannot load into `{scheme}`\nhint: use a postgres:// or mysql:// address")]
    Address {
        /// Scheme of the address; the rest may hold a password.
        scheme: String,
    },
    /// PostgreSQL refused.
    #[error("loading the hospital tables into postgres failed")]
    Postgres(#[source] tokio_postgres::Error),
    /// MySQL or MariaDB refused.
    #[error("loading the hospital tables into mysql failed")]
    Mysql(#[source] mysql_async::Error),
    /// A worker thread stopped before its work was done.
    #[error("the writer stopped early")]
    Writer,
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
