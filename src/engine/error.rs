//! Failures of the engine itself, by the operation that failed, and what callers of the ports
//! are told of them. Statements of users fail with [`crate::SqlError`] instead.

use datafusion::error::DataFusionError;

use crate::sql_error::SqlError;

/// Why the engine could not do what it was asked by another room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The shared runtime (memory pool, spill folder, threads) could not be set up.
    #[error("cannot set up the query runtime")]
    SetUp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A table or view could not be registered in a context.
    #[error("cannot register `{name}`")]
    Register {
        /// Qualified name.
        name: String,
        /// What the query engine said.
        #[source]
        source: DataFusionError,
    },
    /// A source table is named that no source contract declares.
    #[error("source `{source_id}` declares no table `{table}`")]
    UnknownSourceTable {
        /// Source id.
        source_id: String,
        /// Table name.
        table: String,
    },
    /// The lake could not be read.
    #[error("cannot read {what} from the lake")]
    Lake {
        /// What was wanted.
        what: String,
        /// What the lake said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement of the project's own queries does not plan.
    #[error("cannot plan a project query")]
    Plan(#[source] DataFusionError),
    /// A statement of the project's own queries failed while it ran.
    #[error("cannot run a project query")]
    Run(#[source] DataFusionError),
    /// Metrics that do not resolve; a registry that was loaded has none.
    #[error("the metric definitions do not resolve: {first}")]
    Definitions {
        /// The first fault.
        first: String,
    },
    /// A project query reads a table that the principal may not.
    #[error("not permitted")]
    Denied,
    /// A project query met a limit.
    #[error("a project query met a limit: {limit}")]
    Limit {
        /// The limit in words.
        limit: String,
    },
}

impl Error {
    /// Wraps a failure of the lake.
    pub(crate) fn lake(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Lake { what: what.into(), source: source.into() }
    }
}

impl From<Error> for hub_domain::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Limit { limit } => Self::Limit { limit },
            Error::Denied => Self::Denied,
            other => Self::internal(other),
        }
    }
}

/// A shared failure (single flight: many callers, one error) as callers of the ports see it.
pub(crate) fn shared(error: &std::sync::Arc<Error>) -> hub_domain::Error {
    match error.as_ref() {
        Error::Limit { limit } => hub_domain::Error::Limit { limit: limit.clone() },
        Error::Denied => hub_domain::Error::Denied,
        _ => hub_domain::Error::internal(SharedCause(std::sync::Arc::clone(error))),
    }
}

/// An error that several callers wait for, as a cause.
#[derive(Debug)]
struct SharedCause(std::sync::Arc<Error>);

impl std::fmt::Display for SharedCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// A failure of a running project query.
pub(crate) fn run_error(error: DataFusionError) -> Error {
    match SqlError::limit_in(&error) {
        Some(limit) => Error::Limit { limit },
        None => Error::Run(error),
    }
}
