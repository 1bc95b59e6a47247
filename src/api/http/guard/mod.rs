//! Looks at a document before async-graphql does.
//!
//! Owns every limit on the shape of a document: cheap ones on its text first, so that the parser
//! only sees what it can bear, then counts on its tree with fragments expanded by memo, so that
//! ten lines cannot mean ten billion selections. Refusals name the limit, never its figure.

mod shape;
mod text;

use async_graphql::Pos;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::parser::{Error as ParseError, parse_query};
use axum::http::StatusCode;

use super::answer::Refusal;
use crate::state::Limits;

/// A document within every limit.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) document: ExecutableDocument,
    /// Kind of the operation that will run.
    pub(super) kind: OperationType,
    /// Its variables that must have a value.
    pub(super) required: Vec<String>,
}

/// Parses and measures `query`, and finds the operation `wanted` names.
///
/// # Errors
/// 400 for text that is no document or past a limit, 422 when the operation is not there.
pub(super) fn check(
    query: &str,
    wanted: Option<&str>,
    may_introspect: bool,
    limits: &Limits,
) -> Result<Checked, Refusal> {
    text::check(query, limits)?;
    let document = parse_query(query).map_err(|error| syntax(&error))?;
    shape::check(&document, may_introspect, limits)?;
    let operation = chosen(&document, wanted)?;
    let kind = operation.ty;
    let variables = operation.variable_definitions.iter().map(|variable| &variable.node);
    let required = variables
        .filter(|variable| !variable.var_type.node.nullable && variable.default_value.is_none())
        .map(|variable| variable.name.node.to_string())
        .collect();
    Ok(Checked { document, kind, required })
}

/// A refusal for going past a limit.
fn limit(code: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

/// The parser's own words quote the document, so only the place is told.
fn syntax(error: &ParseError) -> Refusal {
    let location: Option<Pos> = error.positions().next();
    let message = match error {
        ParseError::MultipleRoots { .. } | ParseError::MissingQueryRoot { .. } => {
            "this is a schema, not an operation"
        }
        ParseError::MultipleOperations { .. } => "an operation without a name must stand alone",
        ParseError::OperationDuplicated { .. } => "two operations have one name",
        ParseError::FragmentDuplicated { .. } => "two fragments have one name",
        ParseError::MissingOperation => "the document holds no operation",
        _ => "the document is not GraphQL",
    };
    Refusal::new(StatusCode::BAD_REQUEST, "GRAPHQL_PARSE_FAILED", message).at(location)
}

/// The operation that will run.
fn chosen<'a>(
    document: &'a ExecutableDocument,
    wanted: Option<&str>,
) -> Result<&'a OperationDefinition, Refusal> {
    let mut fitting = document.operations.iter().filter(|(name, _)| match wanted {
        Some(wanted) => name.is_some_and(|name| name.as_str() == wanted),
        None => true,
    });
    match (fitting.next(), fitting.next()) {
        (Some((_, operation)), None) => Ok(&operation.node),
        (None, _) => Err(unresolved("there is no operation of that name")),
        (Some(_), Some(_)) => Err(unresolved("the document holds several operations")
            .hint("say which one in `operationName`")),
    }
}

fn unresolved(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "OPERATION_RESOLUTION_FAILURE", message)
}
