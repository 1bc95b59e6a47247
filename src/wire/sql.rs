//! `POST /sql`: one statement in, one streamed answer out.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hub_domain::Principal;
use hub_domain::ports::Access;
use hub_domain::snapshot::SnapshotPick;
use hub_engine::{LimitedStream, SqlError};
use sha2::{Digest, Sha256};

use crate::WireState;
use crate::accept::Form;
use crate::encode::Encoder;
use crate::failure::Failure;

/// Largest request body in bytes; the engine's own cap on statements is smaller.
const BODY: usize = 64 * 1024;
/// Longest request id taken over from a caller.
const ID_LENGTH: usize = 64;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static SNAPSHOT_ID: HeaderName = HeaderName::from_static("x-snapshot-id");
static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Handles one request; every failure has the same shape.
pub(crate) async fn answer(State(state): State<WireState>, request: Request) -> Response {
    let id = request_id(request.headers());
    let mut response = match attempt(&state, request).await {
        Ok(response) => response,
        Err(failure) => {
            tracing::debug!(request_id = %id, code = failure.code, "a statement was not answered");
            failure.answer(&id)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), value);
    }
    response
}

/// The caller's own id where it is plain, else a number of this process.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        !id.is_empty()
            && id.len() <= ID_LENGTH
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    match given {
        Some(id) => id.to_owned(),
        None => format!("sql-{}", REQUESTS.fetch_add(1, Ordering::Relaxed)),
    }
}

async fn attempt(state: &WireState, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let principal = authenticate(state, &parts.headers).await?;
    let form = Form::of(&parts.headers).ok_or_else(|| {
        let status = StatusCode::NOT_ACCEPTABLE;
        Failure::new(status, "NOT_ACCEPTABLE", "no answer of an acceptable form").with_hint(
            "accept `application/json`, `text/csv` or `application/vnd.apache.arrow.stream`",
        )
    })?;
    let sql = statement(body).await?;
    // Refused and failed statements are accesses too: they are kept before anything runs.
    record(state, &principal, &sql).await?;
    let session = state.engine.open(&principal, SnapshotPick::Latest).await?;
    let mut rows = session.user_sql(&sql).await?;
    // The status can tell of a failure only until the first bytes leave.
    let first = rows.next_batch().await.transpose()?;
    let mut encoder = Encoder::new(form, &rows.schema()).map_err(|_| unencodable())?;
    let first = match first {
        Some(batch) => Some(encoder.write(&batch).map_err(|_| unencodable())?),
        None => None,
    };
    let mut response = Response::new(Body::from_stream(chunks(first, rows, encoder)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SNAPSHOT_ID.clone(), HeaderValue::from(session.published().id));
    Ok(response)
}

async fn authenticate(state: &WireState, headers: &HeaderMap) -> Result<Principal, Failure> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    // Two headers are two callers: neither counts.
    let only = match (given.next(), given.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    let key = only
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    match key {
        Some(key) => Ok(state.auth.by_api_key(key).await?),
        None => Err(hub_domain::Error::Unauthenticated.into()),
    }
}

async fn statement(body: Body) -> Result<String, Failure> {
    let bytes = to_bytes(body, BODY).await.map_err(|_| {
        let message = format!("the body is longer than {BODY} bytes or was cut off");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", &message)
    })?;
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        Failure::new(StatusCode::BAD_REQUEST, "INVALID_SQL", "the body is not UTF-8 text")
    })
}

async fn record(state: &WireState, principal: &Principal, sql: &str) -> Result<(), Failure> {
    let access = Access {
        operation: "sql".to_owned(),
        purpose: None,
        // Persons behind a streamed answer are not known before it leaves.
        person_count: 0,
        query_hash: Some(hex::encode(Sha256::digest(sql))),
    };
    Ok(state.access.record(principal, access).await?)
}

fn unencodable() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "INVALID_SQL", "the answer has no such form")
        .with_hint("cast nested columns to text, or accept the Arrow form")
}

/// The answer's bytes. An error item makes the server break the connection.
fn chunks(
    first: Option<Bytes>,
    rows: LimitedStream,
    encoder: Encoder,
) -> impl futures::Stream<Item = Result<Bytes, Broken>> {
    let state = Some((first, rows, encoder));
    futures::stream::unfold(state, |state| async {
        let (first, mut rows, mut encoder) = state?;
        if let Some(bytes) = first {
            return Some((Ok(bytes), Some((None, rows, encoder))));
        }
        match rows.next_batch().await {
            Some(Ok(batch)) => match encoder.write(&batch) {
                Ok(bytes) => Some((Ok(bytes), Some((None, rows, encoder)))),
                Err(_) => Some((Err(Broken("unencodable rows")), None)),
            },
            Some(Err(error)) => Some((Err(Broken::from(&error)), None)),
            None => match encoder.finish() {
                Ok(bytes) => Some((Ok(bytes), None)),
                Err(_) => Some((Err(Broken("unencodable end")), None)),
            },
        }
    })
}

/// Why an answer broke off; it goes to the server's log, the caller sees the connection break.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub(crate) struct Broken(&'static str);

impl From<&SqlError> for Broken {
    fn from(error: &SqlError) -> Self {
        Self(error.code())
    }
}
