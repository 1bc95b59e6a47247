//! The attack table: each input meets a refusal that says little, and nothing is read.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::stream;
use serde_json::{Value, json};

use crate::client::{Answer, GROUP, SITE, ask, ask_with, raw};
use crate::world::{Fault, World};

/// A refusal is one error with a code and a request id, no figure and no data.
fn refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    assert_eq!(answer.json["errors"].as_array().map(Vec::len), Some(1), "{}", answer.text);
    assert!(answer.json["errors"][0]["extensions"]["requestId"].is_string());
    assert!(answer.json.get("data").is_none());
    assert!(answer.text.len() < 400, "{}", answer.text);
}

async fn bad(query: &str, code: &str) {
    let world = World::new();
    refused(&ask(&world, GROUP, query).await, StatusCode::BAD_REQUEST, code);
    assert!(world.0.opened.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn g1_g2_g3_aliases_and_directives() {
    let aliases: Vec<String> = (0..=100).map(|i| format!("a{i}:__typename")).collect();
    bad(&format!("{{{}}}", aliases.join(" ")), "TOO_MANY_ALIASES").await;
    let directives = |count: usize| format!("query cop {{ __typename {}}}", "@aa ".repeat(count));
    bad(&directives(11), "TOO_MANY_DIRECTIVES").await;
    let answer = ask(&World::new(), GROUP, &directives(70_000)).await;
    refused(&answer, StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE");
    bad("query Q @a @b @c @d @e @f { ... @g @h @i @j @k { __typename } }", "TOO_MANY_DIRECTIVES")
        .await;
}

#[tokio::test]
async fn g4_batches() {
    let batch = json!([{ "query": "{__typename}" }, { "query": "{__typename}" }]).to_string();
    let answer = raw(&World::new(), GROUP, batch).await;
    refused(&answer, StatusCode::BAD_REQUEST, "BATCHING_DISABLED");
}

#[tokio::test]
async fn g5_the_same_field_again_and_again() {
    bad(&format!("{{{}}}", "__typename ".repeat(500)), "TOO_MANY_ROOT_FIELDS").await;
    let many = format!("{{{}}}", "__typename ".repeat(100_000));
    let answer = ask(&World::new(), GROUP, &many).await;
    refused(&answer, StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE");
    let inside = format!("{{ viewer {{ {} }} }}", "user ".repeat(1_900));
    assert_eq!(ask(&World::new(), GROUP, &inside).await.status, StatusCode::OK);
}

#[tokio::test]
async fn g6_g7_g8_introspection_and_suggestions() {
    let circular =
        "{__schema{types{fields{type{fields{type{fields{type{fields{type{name}}}}}}}}}}}";
    bad(circular, "QUERY_TOO_DEEP").await;
    let world = World::new();
    for query in [
        "{ __type(name: \"Patient\") { fields { name } } }",
        "{ __schema { types { name } } }",
        include_str!("introspection.graphql"),
    ] {
        let answer = ask(&world, SITE, query).await;
        refused(&answer, StatusCode::BAD_REQUEST, "INTROSPECTION_DISABLED");
    }
    for query in ["{ patiens { id } }", "{ __schema { directive } }", "{ _service { sdl } }"] {
        let answer = ask(&world, GROUP, query).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
        assert!(!answer.text.to_lowercase().contains("did you mean"), "{}", answer.text);
    }
}

#[tokio::test]
async fn g9_g10_g11_fragments() {
    bad("query{...A} fragment A on Query{...B} fragment B on Query{...A}", "FRAGMENT_CYCLE").await;
    let mut bomb = "query{...F0}".to_owned();
    for i in 0..10 {
        bomb += &format!(" fragment F{i} on Query{{{}}}", format!("...F{} ", i + 1).repeat(10));
    }
    bad(&(bomb + " fragment F10 on Query{__typename}"), "QUERY_TOO_LARGE").await;
    let deep = format!("{}{}", "{a".repeat(11), "}".repeat(11));
    bad(&deep, "QUERY_TOO_DEEP").await;
    bad(&format!("{{...__schema}} fragment __schema on Query{deep}"), "QUERY_TOO_DEEP").await;
}

#[tokio::test]
async fn g12_nesting_of_every_kind() {
    bad(&"{".repeat(5_000), "QUERY_TOO_DEEP").await;
    bad(&"a ".repeat(5_000), "TOO_MANY_TOKENS").await;
    bad(&format!("{{a(b:{}", "[".repeat(50_000)), "QUERY_TOO_DEEP").await;
    bad(&format!("{{a(b:{}", "{a:".repeat(600)), "QUERY_TOO_DEEP").await;
    let world = World::new();
    let nested = format!(
        "{{\"query\":\"{{__typename}}\",\"variables\":{{\"v\":{}{}}}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    refused(&raw(&world, GROUP, nested).await, StatusCode::BAD_REQUEST, "BAD_REQUEST");
    let long = json!({ "query": "{__typename}", "variables": { "v": "x".repeat(10 << 20) } });
    let answer = raw(&world, GROUP, long.to_string()).await;
    refused(&answer, StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE");
    bad(&",".repeat(200_000), "GRAPHQL_PARSE_FAILED").await;
}

#[tokio::test]
async fn g13_pages() {
    let world = World::new();
    let page = |first: &str| format!("{{ patients(first: {first}) {{ nodes {{ id }} }} }}");
    for first in ["99999999", "1000", "0"] {
        let answer = ask(&world, GROUP, &page(first)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(answer.json.get("errors").is_none(), "{}", answer.text);
    }
    assert_eq!(ask(&world, GROUP, "{ patients { nodes { id } } }").await.status, StatusCode::OK);
    let negative = ask(&world, GROUP, &page("-1")).await;
    assert_eq!((negative.status, negative.code()), (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"));
    let variable = "query P($n: Int) { patients(first: $n) { nodes { id } } }";
    let negative = ask_with(&world, GROUP, variable, json!({ "n": -1 })).await;
    assert_eq!(negative.status, StatusCode::BAD_REQUEST, "{}", negative.text);
    let wide = ask(&world, GROUP, &page("2147483648")).await;
    assert!(wide.status.is_client_error(), "{}", wide.text);
    let last = ask(&world, GROUP, "{ patients(last: 5) { nodes { id } } }").await;
    assert_eq!(last.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn cost_counts_pages_and_reads() {
    let world = World::new();
    let list = |first: usize, fields: &str| {
        format!("{{ patients(first: {first}) {{ edges {{ cursor node {{ {fields} }} }} }} }}")
    };
    let scalars = "id displayName sex birthDate lifecycle firstVisitOn lastVisitOn visitCount";
    let parts = "timeline { nodes { id } } money { cash } plans { id } tasks { id } tags { tag }
        consents { scope } surveys { kind } family { relation }";
    assert_eq!(ask(&world, GROUP, &list(1_000, scalars)).await.status, StatusCode::OK);
    assert_eq!(ask(&world, GROUP, &list(20, parts)).await.status, StatusCode::OK);
    let answer = ask(&world, GROUP, &list(1_000, parts)).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "QUERY_TOO_COMPLEX"));
}

#[tokio::test]
async fn g17_bodies_that_never_end() {
    let world = World::with(Fault::None, |inner| {
        inner.limits.body_read = Duration::from_millis(50);
    });
    let endless = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = raw(&world, GROUP, Body::from_stream(endless)).await;
    refused(&answer, StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT");
}

#[tokio::test]
async fn g20_texts_that_want_to_be_statements() {
    let world = World::new();
    for text in ["aaa ' or 1=1--", "\"; drop", "%", "\u{0}", "\u{430}dmin"] {
        let query = "query N($t: String!) { patients(filter: {name: $t}) { totalCount } }";
        let answer = ask_with(&world, GROUP, query, json!({ "t": text })).await;
        assert_eq!(answer.json["data"]["patients"]["totalCount"], 0, "{}", answer.text);
    }
    let answer = ask(&world, GROUP, "{ patients(orderBy: NAME) { totalCount } }").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn g26_operation_names() {
    let world = World::new();
    let body = |name: &str| json!({ "query": "{__typename}", "operationName": name }).to_string();
    let long = raw(&world, GROUP, body(&"x".repeat(100_000))).await;
    refused(&long, StatusCode::BAD_REQUEST, "BAD_REQUEST");
    let odd = raw(&world, GROUP, body("\u{1b}[2J\r\n")).await;
    refused(&odd, StatusCode::UNPROCESSABLE_ENTITY, "OPERATION_RESOLUTION_FAILURE");
}

#[tokio::test]
async fn g28_bodies_that_are_no_requests() {
    let world = World::new();
    let bodies: [&[u8]; 9] = [
        br#"{"query":null}"#,
        b"{}",
        br#""x""#,
        br#"{"query":{}}"#,
        b"{\"query\":\"\xff\"}",
        b"\xef\xbb\xbf{\"query\":\"{__typename}\"}",
        br#"{"query":"{__typename}","query":"{__typename}"}"#,
        br#"{"query":"{__typename}","variables":"x"}"#,
        b"",
    ];
    for body in bodies {
        let answer = raw(&world, GROUP, body.to_vec()).await;
        refused(&answer, StatusCode::BAD_REQUEST, "BAD_REQUEST");
    }
    assert_eq!(raw(&world, GROUP, "[]").await.code(), "BATCHING_DISABLED");
}

#[tokio::test]
async fn variables_past_their_limits() {
    let world = World::new();
    let query = "query N($t: [String!]) { metrics(input: {metrics: [\"a\"], groupBy: $t,
        range: {from: \"2026-03-01\", to: \"2026-03-31\"}}) { totals { value } } }";
    let many: Vec<Value> = (0..1_001).map(|n| json!(n.to_string())).collect();
    let answer = ask_with(&world, GROUP, query, json!({ "t": many })).await;
    refused(&answer, StatusCode::BAD_REQUEST, "VARIABLES_TOO_LARGE");
    let answer = ask_with(&world, GROUP, query, json!({ "t": ["x".repeat(70_000)] })).await;
    refused(&answer, StatusCode::BAD_REQUEST, "VARIABLES_TOO_LARGE");
    let names: serde_json::Map<_, _> = (0..51).map(|n| (format!("v{n}"), json!(1))).collect();
    let answer = ask_with(&world, GROUP, "{__typename}", Value::Object(names)).await;
    refused(&answer, StatusCode::BAD_REQUEST, "TOO_MANY_VARIABLES");
}
