//! Who may see which metrics.
//!
//! On the hub's own address everybody sees the process (requests, statements, memory, age of the
//! snapshot); names of sources, tables, sites and rules are shown to keys of role `group`. A
//! second address, when configured, shows everything to whoever reaches it: it is meant for the
//! loopback or a network only the monitoring can enter.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hub_domain::Error;
use hub_domain::ports::Authenticator;
use hub_domain::principal::{Role, SiteScope};

use super::gather::Detail;
use super::{Metrics, text};

/// `/metrics` on the hub's own address.
pub(in crate::app) fn public(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(guarded)).with_state(metrics)
}

/// `/metrics` on an address of its own.
pub(in crate::app) fn private(metrics: Arc<Metrics>) -> Router {
    let open =
        |State(metrics): State<Arc<Metrics>>| async move { answer(&metrics, Detail::Names).await };
    Router::new().route("/metrics", get(open)).with_state(metrics)
}

async fn guarded(State(metrics): State<Arc<Metrics>>, headers: HeaderMap) -> Response {
    if !headers.contains_key(AUTHORIZATION) {
        return answer(&metrics, Detail::Process).await;
    }
    match may_see_names(&metrics, &headers).await {
        Ok(true) => answer(&metrics, Detail::Names).await,
        Ok(false) => (StatusCode::FORBIDDEN, "keys of role `group` only\n").into_response(),
        Err(Error::Internal(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(_) => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "no such key\n")
            .into_response(),
    }
}

async fn may_see_names(metrics: &Metrics, headers: &HeaderMap) -> Result<bool, Error> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    // Two headers are two callers: neither counts.
    let only = match (given.next(), given.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    let (scheme, key) = only.and_then(|v| v.split_once(' ')).ok_or(Error::Unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::Unauthenticated);
    }
    let principal = metrics.app.state.by_api_key(key.trim()).await?;
    Ok(principal.role == Role::Group && principal.sites == SiteScope::All)
}

async fn answer(metrics: &Metrics, detail: Detail) -> Response {
    let gauges = metrics.gather(detail).await;
    match text::document(&metrics.counters, &gauges) {
        Ok(text) => {
            ([(CONTENT_TYPE, text::MEDIA), (CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
