//! Answers and refusals as bytes: codes on every error, causes to the log, status by the rules
//! of GraphQL over HTTP.
//!
//! 200 when an operation ran, whatever its fields answered (294 where switched on); 400 for what
//! is not a request we read, or one past a limit; 422 for a document that does not fit the
//! schema or its variables. An answer without `data` is never 2xx.

use async_graphql::{ErrorExtensionValues, Pos, ServerError, Value};
use axum::body::Body;
use axum::http::{HeaderValue, Response as HttpResponse, StatusCode, header};
use axum::response::Response;
use hub_domain::Error;
use serde::Serialize;

use super::negotiate::Media;
use super::outcome::Outcome;
use crate::graphql::NEGATIVE_PAGE;
use crate::graphql::error::HiddenCause;

/// What async-graphql says of a query past its cost.
const TOO_COMPLEX: &str = "Query is too complex.";

/// A request that is turned away before an operation runs.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<&'static str>,
    location: Option<Pos>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, location: None }
    }

    /// What the caller should do.
    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Where in the document.
    pub(super) fn at(mut self, location: Option<Pos>) -> Self {
        self.location = location;
        self
    }

    /// A failure of ours: its cause goes to the log, once, and nowhere else.
    pub(super) fn internal(cause: &Error, request_id: &str) -> Self {
        log_cause(request_id, "", cause);
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "internal error")
    }

    /// The refusal as a GraphQL error.
    pub(super) fn into_error(self, request_id: &str) -> ServerError {
        let mut error = ServerError::new(self.message, self.location);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", self.code);
        extensions.set("requestId", request_id);
        if let Some(hint) = self.hint {
            extensions.set("hint", hint);
        }
        error
    }

    /// The refusal as an HTTP answer.
    pub(super) fn into_response(self, media: Media, request_id: &str) -> Response {
        let status = self.status;
        let code = self.code;
        let errors = [self.into_error(request_id)];
        let body = Envelope { errors: &errors, data: None };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = response(status, media, request_id, bytes);
        response.extensions_mut().insert(Outcome::refused(code));
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The body of every answer. Errors come first, so that nobody overlooks them.
#[derive(Serialize)]
pub(super) struct Envelope<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a Value>,
}

/// An executed or refused operation, ready to be sent.
pub(super) struct Settled {
    pub(super) errors: Vec<ServerError>,
    /// None when the operation did not run.
    pub(super) data: Option<Value>,
    pub(super) status: StatusCode,
}

impl Settled {
    /// The answer's body.
    pub(super) fn envelope(&self) -> Envelope<'_> {
        Envelope { errors: &self.errors, data: self.data.as_ref() }
    }
}

/// Puts codes on errors, takes causes off, and decides the status.
pub(super) fn settle(response: async_graphql::Response, request_id: &str) -> Settled {
    let async_graphql::Response { data, mut errors, .. } = response;
    // An error of a field has a path; one that kept the operation from running has none.
    let ran = errors.is_empty()
        || data != Value::Null
        || errors.iter().any(|error| !error.path.is_empty());
    let mut status = if ran { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    for error in &mut errors {
        if !ran && is_limit(&error.message) {
            status = StatusCode::BAD_REQUEST;
        }
        polish(error, ran, request_id);
    }
    Settled { errors, data: ran.then_some(data), status }
}

fn is_limit(message: &str) -> bool {
    message == TOO_COMPLEX || message == NEGATIVE_PAGE
}

/// Puts a code on an error; moves its hidden cause to the log.
fn polish(error: &mut ServerError, ran: bool, request_id: &str) {
    let hidden = error.source.take();
    let hidden = hidden.as_ref().and_then(|source| source.downcast_ref::<HiddenCause>());
    let message = error.message.as_str();
    let code = match message {
        TOO_COMPLEX => "QUERY_TOO_COMPLEX",
        NEGATIVE_PAGE => "BAD_USER_INPUT",
        _ if ran => "BAD_USER_INPUT",
        _ => "GRAPHQL_VALIDATION_FAILED",
    };
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
    if let Some(HiddenCause(cause)) = hidden {
        extensions.set("requestId", request_id);
        log_cause(request_id, &path(error), cause);
    }
}

fn path(error: &ServerError) -> String {
    let segments = error.path.iter().map(|segment| match segment {
        async_graphql::PathSegment::Field(name) => name.clone(),
        async_graphql::PathSegment::Index(index) => index.to_string(),
    });
    segments.collect::<Vec<_>>().join(".")
}

/// Logs the whole chain of causes, once, at the door.
fn log_cause(request_id: &str, path: &str, error: &Error) {
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    // `Debug` escapes control characters: one failure is one line.
    tracing::error!(request_id, path, causes = ?causes, "request failed inside");
}

/// An HTTP answer with the headers every answer has.
pub(super) fn response(
    status: StatusCode,
    media: Media,
    request_id: &str,
    bytes: Vec<u8>,
) -> Response {
    let mut response = HttpResponse::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    response
}
