//! The only error a resolver may return.
//!
//! async-graphql turns anything that prints into an answer, so a bare `?` would tell callers the
//! text of any cause. [`GqlError`] does not print: it becomes an answer here, with its code, and
//! the cause of an internal error travels beside the answer to the log.

use std::sync::Arc;

use async_graphql::ErrorExtensions;
use hub_domain::Error;

/// A failed resolver.
#[derive(Debug)]
pub(crate) struct GqlError(Error);

/// The cause of an internal error, on its way to the log.
pub(crate) struct HiddenCause(pub(crate) Error);

impl From<Error> for GqlError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<GqlError> for async_graphql::Error {
    fn from(GqlError(error): GqlError) -> Self {
        let code = error.code();
        let hint = match &error {
            Error::BadInput { hint, .. } => hint.clone(),
            _ => None,
        };
        let answer = Self::new(error.to_string()).extend_with(|_, extensions| {
            extensions.set("code", code);
            if let Some(hint) = hint {
                extensions.set("hint", hint);
            }
        });
        let source = match error {
            Error::Internal(_) => Some(Arc::new(HiddenCause(error)) as _),
            _ => None,
        };
        Self { source, ..answer }
    }
}

/// What resolvers return.
pub(crate) type Result<T> = std::result::Result<T, GqlError>;

impl GqlError {
    /// A refusal of the caller's own input, with what to do instead.
    pub(crate) fn bad_input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self(Error::bad_input_hint(message, hint))
    }

    /// Nothing of this kind, or not visible.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Self(Error::NotFound { what })
    }
}
