//! Failures as HTTP answers: a status, and `{code, message, hint, requestId}`.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hub_engine::{SqlError, SqlErrorKind};
use serde::Serialize;

/// A refused or failed request.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// The body of a failure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    request_id: &'a str,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// The answer to request `request_id`.
    pub(crate) fn answer(&self, request_id: &str) -> Response {
        let body = Body {
            code: self.code,
            message: &self.message,
            hint: self.hint.as_deref(),
            request_id,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        let status = match error.kind() {
            SqlErrorKind::Refused => StatusCode::FORBIDDEN,
            SqlErrorKind::Invalid | SqlErrorKind::Execution => StatusCode::BAD_REQUEST,
            SqlErrorKind::TooLarge | SqlErrorKind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
            SqlErrorKind::Deadline => StatusCode::GATEWAY_TIMEOUT,
            SqlErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
            SqlErrorKind::NotFound => StatusCode::SERVICE_UNAVAILABLE,
            SqlErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let hint = error.hint().map(str::to_owned);
        Self { status, code: error.code(), message: error.to_string(), hint }
    }
}

impl From<hub_domain::Error> for Failure {
    fn from(error: hub_domain::Error) -> Self {
        use hub_domain::Error;
        let status = match &error {
            Error::Unauthenticated => StatusCode::UNAUTHORIZED,
            Error::Denied => StatusCode::FORBIDDEN,
            Error::BadInput { .. } => StatusCode::BAD_REQUEST,
            Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::Limit { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::NoSnapshot => StatusCode::SERVICE_UNAVAILABLE,
            Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let hint = match &error {
            Error::BadInput { hint, .. } => hint.clone(),
            Error::Unauthenticated => {
                Some("send `Authorization: Bearer <key>` with a key that holds".to_owned())
            }
            _ => None,
        };
        Self { status, code: error.code(), message: error.to_string(), hint }
    }
}
