//! Failures as the callers of the ports see them: a stable code, a sentence for people, a cause.

use std::error::Error as StdError;

/// Boxed cause of an unexpected failure; it goes to the log, never to a caller.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// What a port may answer instead of data.
///
/// `Internal` hides its cause from the outside; every other variant's text is written for the
/// person who asked and holds no patient data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong: unknown metric, impossible range, bad cursor.
    #[error("{message}")]
    BadInput {
        /// What is wrong, with the value in backticks.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The principal may not do this. Never says whether the thing exists.
    #[error("not permitted")]
    Denied,
    /// No credentials, or credentials that do not hold.
    #[error("sign in first")]
    Unauthenticated,
    /// No such thing, or not visible to this principal.
    #[error("no such {what}")]
    NotFound {
        /// The kind of thing asked for.
        what: &'static str,
    },
    /// A row, byte, memory or time limit was met.
    #[error("limit reached: {limit}")]
    Limit {
        /// The limit in words, such as `deadline of 30 s`.
        limit: String,
    },
    /// Nothing has been published yet.
    #[error("no published snapshot yet")]
    NoSnapshot,
    /// The state changed under the caller.
    #[error("conflict: {message}")]
    Conflict {
        /// What changed.
        message: String,
    },
    /// An outage or a defect.
    #[error("internal error")]
    Internal(#[source] Cause),
}

impl Error {
    /// A [`Error::BadInput`] without a hint.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::BadInput { message: message.into(), hint: None }
    }

    /// A [`Error::BadInput`] that tells what to do.
    pub fn bad_input_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::BadInput { message: message.into(), hint: Some(hint.into()) }
    }

    /// Wraps an unexpected failure.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// The stable code that goes into `extensions.code` and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadInput { .. } => "BAD_USER_INPUT",
            Self::Denied => "FORBIDDEN",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Limit { .. } => "LIMIT_EXCEEDED",
            Self::NoSnapshot => "NO_SNAPSHOT",
            Self::Conflict { .. } => "CONFLICT",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }
}
