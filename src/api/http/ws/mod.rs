//! `GET /graphql/ws`: subscriptions over the subprotocol `graphql-transport-ws`.
//!
//! Owns who may open a socket. The key travels in `connection_init`, never in a cookie, so a
//! foreign page cannot borrow anybody's; its `Origin` is refused all the same. Clients that are
//! no browsers send no `Origin` and are let in.

mod protocol;
mod session;

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::App;
use super::answer::Refusal;
use super::negotiate::Media;

const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Messages past [`crate::Limits::body_bytes`] close a socket with 1009. The library below gives
/// up without a word at this multiple of it.
const HARD_LIMIT: usize = 8;

/// Opens a socket.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    match admit(&app, &headers, upgrade) {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(Media::Json, &app.request_id()),
    }
}

fn admit(
    app: &Arc<App>,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    if !origin_allowed(headers, &app.state.web.origins) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "FORBIDDEN", "not permitted"));
    }
    let bytes = app.state.limits.body_bytes * HARD_LIMIT;
    let upgrade = upgrade.max_message_size(bytes).max_frame_size(bytes).protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
            "no subprotocol to speak",
        )
        .hint("offer `graphql-transport-ws`"));
    }
    let Ok(seat) = Arc::clone(&app.sockets).try_acquire_owned() else {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "OVERLOADED",
            "too many open sockets",
        ));
    };
    let app = Arc::clone(app);
    Ok(upgrade.on_upgrade(move |socket| async move {
        session::run(&app, socket).await;
        drop(seat);
    }))
}

/// Whether a page of this origin may open a socket: the server's own host, or a listed one.
fn origin_allowed(headers: &HeaderMap, listed: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    if listed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    matches!((named, host), (Some(named), Some(host)) if named.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_origins_are_refused() {
        let allowed = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "hub.example:8080".parse().expect("a value"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            }
            origin_allowed(&headers, &["https://board.example".to_owned()])
        };
        assert!(allowed(None));
        assert!(allowed(Some("http://hub.example:8080")));
        assert!(allowed(Some("https://board.example")));
        for foreign in ["https://evil.test", "null", "https://hub.example", "hub.example:8080"] {
            assert!(!allowed(Some(foreign)), "{foreign}");
        }
    }
}
