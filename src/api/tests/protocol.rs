//! GraphQL over HTTP: methods, media types, status codes.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::client::{GROUP, SITE, ask, ask_with, head, raw, send};
use crate::world::World;

const VIEWER: &str = r#"{"query":"{ viewer { user } }"}"#;

#[tokio::test]
async fn without_a_key_nothing_runs() {
    let world = World::new();
    for authorization in ["", "Bearer ", "Bearer wrong", "Basic group-key", "group-key"] {
        let mut request =
            Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        // Not even the parser sees the body of a stranger.
        let request = request.body(Body::from("not json")).expect("a request");
        let answer = send(&world, request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(answer.code(), "UNAUTHENTICATED");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    assert!(world.0.opened.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn only_post_runs_operations() {
    let world = World::new();
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder()
            .method(method.clone())
            .uri("/graphql?query=mutation%7BacknowledgeAlert(id:1)%7Bstatus%7D%7D")
            .header(header::AUTHORIZATION, format!("Bearer {GROUP}"))
            .body(Body::empty())
            .expect("a request");
        let answer = send(&world, request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers[header::ALLOW], "POST");
    }
}

#[tokio::test]
async fn only_json_comes_in() {
    let world = World::new();
    let types = [
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=latin1"),
        Some("application/graphql"),
        None,
    ];
    for content_type in types {
        let mut request =
            Request::post("/graphql").header(header::AUTHORIZATION, format!("Bearer {GROUP}"));
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = send(&world, request.body(Body::from(VIEWER)).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
    }
    let packed = head(GROUP).header(header::CONTENT_ENCODING, "gzip").body(Body::from(VIEWER));
    let answer = send(&world, packed.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let utf8 = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {GROUP}"))
        .header(header::CONTENT_TYPE, "Application/JSON; charset=UTF-8")
        .body(Body::from(VIEWER));
    assert_eq!(send(&world, utf8.expect("a request")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_answer_comes_in_the_accepted_type() {
    let world = World::new();
    for (accept, expected) in [
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/json; charset=utf-8"),
    ] {
        let request = head(GROUP).header(header::ACCEPT, accept).body(Body::from(VIEWER));
        let answer = send(&world, request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers[header::CONTENT_TYPE], expected);
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
    let request = head(GROUP).header(header::ACCEPT, "text/html").body(Body::from(VIEWER));
    let answer = send(&world, request.expect("a request")).await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn status_codes_follow_the_kind_of_failure() {
    let world = World::new();
    let cases = [
        ("{ viewer { user }", StatusCode::BAD_REQUEST, "GRAPHQL_PARSE_FAILED"),
        ("", StatusCode::BAD_REQUEST, "GRAPHQL_PARSE_FAILED"),
        ("type A { b: Int }", StatusCode::BAD_REQUEST, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", StatusCode::UNPROCESSABLE_ENTITY, "GRAPHQL_VALIDATION_FAILED"),
        ("{ viewer }", StatusCode::UNPROCESSABLE_ENTITY, "GRAPHQL_VALIDATION_FAILED"),
        ("{ patient { id } }", StatusCode::UNPROCESSABLE_ENTITY, "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ snapshot(asOf: \"yesterday\") { id } }",
            StatusCode::UNPROCESSABLE_ENTITY,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { alertEvents { state } }",
            StatusCode::UNPROCESSABLE_ENTITY,
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            "query A { viewer { user } } query B { viewer { user } }",
            StatusCode::UNPROCESSABLE_ENTITY,
            "OPERATION_RESOLUTION_FAILURE",
        ),
    ];
    for (query, status, code) in cases {
        let answer = ask(&world, GROUP, query).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{query}: {}", answer.text);
        assert!(answer.json.get("data").is_none(), "no data entry without data: {}", answer.text);
    }
}

#[tokio::test]
async fn variables_are_coerced_before_anything_runs() {
    let world = World::new();
    let query = "query Q($from: Date!, $id: ID!) { patient(id: $id) { id }
        funnel(id: \"F1\", range: {from: $from, to: \"2026-03-31\"}) { id } }";
    for variables in [
        json!({ "from": "2026-3-1", "id": "p1" }),
        json!({ "from": 20260301, "id": "p1" }),
        json!({ "from": "2026-03-01" }),
        json!({ "from": null, "id": "p1" }),
    ] {
        let answer = ask_with(&world, SITE, query, variables.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{variables}: {}", answer.text);
    }
    assert!(world.0.opened.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn the_named_operation_runs() {
    let world = World::new();
    let query = "query A { viewer { user } } query B { viewer { role } }";
    let body = |name: &str| json!({ "query": query, "operationName": name }).to_string();
    let answer = raw(&world, GROUP, body("B")).await;
    assert_eq!(answer.json, json!({ "data": { "viewer": { "role": "GROUP" } } }));
    let missing = raw(&world, GROUP, body("C")).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(missing.code(), "OPERATION_RESOLUTION_FAILURE");
}

#[tokio::test]
async fn fragments_aliases_variables_and_directives_change_nothing() {
    let world = World::new();
    let plain = ask(&world, GROUP, "{ viewer { user role } }").await;
    let query = "query Q($no: Boolean!, $yes: Boolean!) { ...V } fragment V on Query { viewer {
        ... on Viewer { user @include(if: $yes) sites @skip(if: $yes) } role @skip(if: $no) } }";
    let fancy = ask_with(&world, GROUP, query, json!({ "no": false, "yes": true })).await;
    assert_eq!(plain.text, fancy.text);
    let aliased = ask(&world, GROUP, "{ me: viewer { user role } }").await;
    assert_eq!(aliased.json["data"]["me"], plain.json["data"]["viewer"]);
}
