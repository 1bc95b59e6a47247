//! What an answer of `/graphql` came to, left in the extensions of its HTTP response for whoever
//! counts answers. Knows kinds and codes, never a document.

use async_graphql::ServerError;
use async_graphql::parser::types::OperationType;

/// Kind of an operation and the codes of its errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `query`, `mutation`, `subscription`; `refused` when none ran.
    pub operation: &'static str,
    /// Code of every error, in order.
    pub codes: Vec<String>,
}

impl Outcome {
    /// An operation that ran.
    pub(super) fn ran(kind: OperationType, errors: &[ServerError]) -> Self {
        let operation = match kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        let code = |error: &ServerError| match error.extensions.as_ref()?.get("code")? {
            async_graphql::Value::String(code) => Some(code.clone()),
            _ => None,
        };
        Self { operation, codes: errors.iter().filter_map(code).collect() }
    }

    /// A request turned away before an operation ran.
    pub(super) fn refused(code: &str) -> Self {
        Self { operation: "refused", codes: vec![code.to_owned()] }
    }
}
