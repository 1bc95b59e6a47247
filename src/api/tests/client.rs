//! One request to a router, without a socket.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::World;

pub(crate) const GROUP: &str = "group-key";
pub(crate) const SITE: &str = "site-key";

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    /// `extensions.code` of the first error.
    pub(crate) fn code(&self) -> &str {
        self.json["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
    }
}

/// A well-formed request head with a key.
pub(crate) fn head(key: &str) -> axum::http::request::Builder {
    Request::post("/graphql")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
}

pub(crate) async fn send(world: &World, request: Request<Body>) -> Answer {
    let response = world.router().oneshot(request).await.expect("infallible");
    let status = response.status();
    let headers = response.headers().clone();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let text = String::from_utf8(bytes.to_vec()).expect("utf-8");
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, text, json }
}

/// Sends bytes as the body.
pub(crate) async fn raw(world: &World, key: &str, body: impl Into<Body>) -> Answer {
    send(world, head(key).body(body.into()).expect("a request")).await
}

pub(crate) async fn ask_with(world: &World, key: &str, query: &str, variables: Value) -> Answer {
    raw(world, key, json!({ "query": query, "variables": variables }).to_string()).await
}

pub(crate) async fn ask(world: &World, key: &str, query: &str) -> Answer {
    ask_with(world, key, query, json!({})).await
}

/// Asks and expects an answer without errors.
pub(crate) async fn data(world: &World, key: &str, query: &str) -> Value {
    let answer = ask(world, key, query).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(answer.json.get("errors").is_none(), "{}", answer.text);
    answer.json["data"].clone()
}
