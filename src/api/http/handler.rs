//! `POST /graphql`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::FutureExt;
use hub_domain::Error;
use tokio::time::{Instant, timeout};

use super::answer::{self, Refusal, Settled};
use super::negotiate::{self, Media};
use super::operation::Operation;
use super::outcome::Outcome;
use super::{App, auth, envelope, operation};

/// How long a request waits for its turn before it is told to come back.
const TURN: Duration = Duration::from_secs(1);

/// Everything but POST: a link must never run an operation.
pub(super) async fn only_post(State(app): State<Arc<App>>) -> Response {
    let id = app.request_id();
    let refusal =
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "only POST is taken");
    let mut response = refusal.into_response(Media::Json, &id);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Answers one operation.
pub(super) async fn graphql(State(app): State<Arc<App>>, request: Request) -> Response {
    let request_id = app.request_id();
    let started = Instant::now();
    let response = match negotiate::answer_media(request.headers()) {
        Ok(media) => serve(&app, request, media, &request_id)
            .await
            .unwrap_or_else(|refusal| refusal.into_response(media, &request_id)),
        Err(refusal) => refusal.into_response(Media::Json, &request_id),
    };
    let duration_ms = started.elapsed().as_millis();
    let status = response.status().as_u16();
    tracing::info!(request_id, status, duration_ms, "graphql request answered");
    response
}

async fn serve(
    app: &App,
    request: Request,
    media: Media,
    request_id: &str,
) -> Result<Response, Refusal> {
    negotiate::check_content(request.headers())?;
    let auth = app.state.auth.as_ref();
    let principal = auth::principal(auth, request.headers(), request_id).await?;
    let body = read_body(app, request.into_body()).await?;
    let envelope = envelope::parse(&body)?;
    let user = principal.user.clone();
    let operation = operation::prepare(app, principal, envelope)?;
    if operation.kind == OperationType::Subscription {
        return Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "OPERATION_RESOLUTION_FAILURE",
            "subscriptions are not served here",
        )
        .hint("open `/graphql/ws` with the subprotocol `graphql-transport-ws`"));
    }
    let kind = operation.kind;
    let response = execute(app, operation, request_id).await?;
    let settled = answer::settle(response, request_id);
    tracing::debug!(request_id, user, errors = settled.errors.len(), "graphql operation ran");
    let mut response = send(app, &settled, media, request_id)?;
    response.extensions_mut().insert(Outcome::ran(kind, &settled.errors));
    Ok(response)
}

async fn read_body(app: &App, body: Body) -> Result<Bytes, Refusal> {
    let limits = &app.state.limits;
    let read = timeout(limits.body_read, axum::body::to_bytes(body, limits.body_bytes)).await;
    let Ok(read) = read else {
        return Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "the body took too long",
        ));
    };
    // A body that breaks off has nobody left to answer, so too large is the case that counts.
    read.map_err(|_| {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "the body is too large")
    })
}

/// Runs an operation in its turn and before its deadline.
async fn execute(
    app: &App,
    operation: Operation,
    request_id: &str,
) -> Result<async_graphql::Response, Refusal> {
    let Ok(Ok(_permit)) = timeout(TURN, app.permits.acquire()).await else {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "OVERLOADED",
            "too many requests at once",
        )
        .hint("try again in a moment"));
    };
    let run = AssertUnwindSafe(app.schema.execute(operation.request)).catch_unwind();
    match timeout(app.state.limits.deadline, run).await {
        Ok(Ok(response)) => Ok(response),
        // The payload of a panic may hold anything: only its place is logged, by the panic hook.
        Ok(Err(_payload)) => {
            Err(Refusal::internal(&Error::internal("a resolver panicked"), request_id))
        }
        Err(_elapsed) => {
            Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", "the request took too long")
                .hint("ask for a shorter range, fewer fields or smaller pages"))
        }
    }
}

fn send(app: &App, settled: &Settled, media: Media, request_id: &str) -> Result<Response, Refusal> {
    let bytes = serde_json::to_vec(&settled.envelope())
        .map_err(|error| Refusal::internal(&Error::internal(error), request_id))?;
    if bytes.len() > app.state.limits.answer_bytes {
        return Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "LIMIT_EXCEEDED",
            "the answer is too large",
        )
        .hint("ask for fewer fields or smaller pages"));
    }
    let partial = settled.data.is_some() && !settled.errors.is_empty();
    let status = match StatusCode::from_u16(294) {
        Ok(partial_success)
            if partial && media == Media::GraphQl && app.state.web.partial_success_294 =>
        {
            partial_success
        }
        _ => settled.status,
    };
    Ok(answer::response(status, media, request_id, bytes))
}
