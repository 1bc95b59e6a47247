//! What can go wrong with the state database. Variants name the operation.

use hub_domain::error::Cause;

/// A failed state operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be opened.
    #[error("cannot open state database `{url}`")]
    Open {
        /// Address without secrets.
        url: String,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("cannot migrate the state database")]
    Migrate {
        /// What the migrator said.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A read failed.
    #[error("cannot read `{table}` from state")]
    Read {
        /// Table read.
        table: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A write failed; nothing of it is stored.
    #[error("cannot write `{table}` to state")]
    Write {
        /// Table written.
        table: &'static str,
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// Stored data does not have the shape this version writes.
    #[error("state table `{table}` holds a row of another shape")]
    Inconsistent {
        /// Table read.
        table: &'static str,
        /// What did not parse.
        #[source]
        source: Cause,
    },
    /// A page cursor was not made here.
    #[error("`after` is no cursor of this list")]
    Cursor,
    /// The background writer is gone; the process is shutting down.
    #[error("the access log is closed")]
    AccessLogClosed,
}

impl Error {
    pub(crate) fn read(table: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Read { table, source }
    }

    pub(crate) fn write(table: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Write { table, source }
    }
}

impl From<Error> for hub_domain::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Cursor => Self::bad_input_hint(
                error.to_string(),
                "pass `endCursor` of the page before, unchanged",
            ),
            error => Self::internal(error),
        }
    }
}
