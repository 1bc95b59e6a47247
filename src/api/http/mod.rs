//! The routes: GraphQL over HTTP and WebSocket, and what an orchestrator asks.
//!
//! Owns headers, keys, bodies, status codes and every limit that is checked before a resolver
//! runs. Must not know what a field answers.

mod answer;
mod auth;
mod envelope;
mod guard;
mod handler;
mod negotiate;
mod operation;
mod ops;
mod outcome;
mod ws;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

pub use outcome::Outcome;

use crate::graphql::{self, HubSchema};
use crate::state::ApiState;

/// Every route of the API: `/graphql`, `/graphql/ws`, `/livez`, `/readyz`.
pub fn router(state: ApiState) -> Router {
    let app = Arc::new(App::new(state));
    Router::new()
        .route("/graphql", post(handler::graphql).fallback(handler::only_post))
        .route("/graphql/ws", get(ws::upgrade))
        .merge(ops::routes())
        .with_state(app)
}

/// What all handlers share.
struct App {
    state: ApiState,
    schema: HubSchema,
    requests: AtomicU64,
    /// Requests that may execute now.
    permits: Semaphore,
    /// Sockets that may be open now.
    sockets: Arc<Semaphore>,
}

impl App {
    fn new(state: ApiState) -> Self {
        Self {
            schema: graphql::schema(&state.limits),
            requests: AtomicU64::new(1),
            permits: Semaphore::new(state.limits.concurrent),
            sockets: Arc::new(Semaphore::new(state.limits.sockets)),
            state,
        }
    }

    /// A request id: the process's prefix and a running number.
    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.state.web.instance)
    }
}
