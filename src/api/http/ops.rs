//! What an orchestrator asks: is the process alive, can it answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use hub_domain::snapshot::SnapshotPick;
use hub_domain::{Error, Principal};

use super::App;

/// `/livez` and `/readyz`; neither needs a key, neither tells data.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz))
}

async fn livez() -> &'static str {
    "alive\n"
}

/// Ready once a snapshot is published and can be opened, until shutdown begins.
async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.state.web.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: shutting down\n");
    }
    // Opens a session and reads nothing through it.
    let probe = Principal::site("readyz", []);
    let opening = app.state.warehouse.session(&probe, SnapshotPick::Latest);
    match tokio::time::timeout(app.state.limits.deadline, opening).await {
        Ok(Ok(_session)) => (StatusCode::OK, "ready\n"),
        Ok(Err(Error::NoSnapshot)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: no published snapshot yet\n")
        }
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
