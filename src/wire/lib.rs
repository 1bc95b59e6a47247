//! The SQL doors: users' statements over HTTP.
//!
//! Owns how a statement arrives and how its answer leaves; what it may read and how much is the
//! engine's. `POST /sql` takes one statement as its body and a bearer key, and answers in the
//! form `Accept` names: JSON (an array of row objects), CSV with a header line, or an Arrow IPC
//! stream. An answer that fails half way breaks the connection; it never just ends early.
//! Must not know GraphQL.

mod accept;
mod encode;
mod failure;
mod sql;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use hub_domain::ports::{AccessLog, Authenticator};
use hub_engine::Engine;

/// What the doors need.
#[derive(Clone)]
pub struct WireState {
    /// Answers statements.
    pub engine: Engine,
    /// Turns keys into principals.
    pub auth: Arc<dyn Authenticator>,
    /// Keeps every access before its answer leaves.
    pub access: Arc<dyn AccessLog>,
}

/// The route `/sql`, to be mounted beside the other rooms' routes.
pub fn router(state: WireState) -> Router {
    Router::new().route("/sql", post(sql::answer)).with_state(state)
}
