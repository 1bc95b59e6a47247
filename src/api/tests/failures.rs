//! Outages and defects: what callers learn, and what the log keeps.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::client::{GROUP, ask, head, send};
use crate::world::{Fault, SECRET, World};

const METRICS: &str = "{ metrics(input: {metrics: [\"arrivals_first\"],
    range: {from: \"2026-03-01\", to: \"2026-03-31\"}}) { rows { period } } }";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What this thread tells, heard by a subscriber of the whole process: with one of this
    /// thread only, a test beside it that reaches an event first has that event cached as of no
    /// interest to anybody.
    fn of_this_thread() -> Self {
        let (log, here) = (Self::default(), std::thread::current().id());
        let kept = log.clone();
        let writer = move || -> Box<dyn Write> {
            if std::thread::current().id() == here {
                Box::new(kept.clone())
            } else {
                Box::new(std::io::sink())
            }
        };
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        tracing::subscriber::set_global_default(subscriber).expect("one test asks for the log");
        tracing::callsite::rebuild_interest_cache();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("utf-8")
    }
}

#[tokio::test]
async fn a_cause_reaches_the_log_once_and_no_caller() {
    let log = Log::of_this_thread();
    let answer = ask(&World::with(Fault::Secret, |_| {}), GROUP, METRICS).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
    assert_eq!(answer.json["errors"][0]["message"], "internal error");
    let id = answer.json["errors"][0]["extensions"]["requestId"].as_str().expect("an id");
    assert_eq!(answer.headers["x-request-id"], id);
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
    let log = log.text();
    assert_eq!(log.matches(SECRET).count(), 1, "{log}");
    let line = log.lines().find(|line| line.contains(SECRET)).expect("the line");
    assert!(line.contains(id) && line.contains("metrics"), "{line}");
}

#[tokio::test]
async fn a_broken_key_store_is_an_outage_without_words() {
    let answer = ask(&World::new(), "broken-key", "{ viewer { user } }").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
    assert!(!answer.text.contains("hunter2"));
}

#[tokio::test]
async fn the_deadline_is_a_typed_answer() {
    let world = World::with(Fault::Hang, |inner| {
        inner.limits.deadline = Duration::from_millis(50);
    });
    let answer = ask(&world, GROUP, METRICS).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT"));
    assert!(answer.json.get("data").is_none());
}

#[tokio::test]
async fn a_panic_is_an_internal_error() {
    let answer = ask(&World::with(Fault::Panic, |_| {}), GROUP, METRICS).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
    assert!(!answer.text.contains("defect"), "{}", answer.text);
}

#[tokio::test]
async fn limits_below_keep_their_code() {
    let answer = ask(&World::with(Fault::Limit, |_| {}), GROUP, METRICS).await;
    assert_eq!(answer.code(), "LIMIT_EXCEEDED");
}

#[tokio::test]
async fn input_errors_of_the_room_below_carry_their_hint() {
    let query = METRICS.replace("arrivals_first", "nonsense");
    let answer = ask(&World::new(), GROUP, &query).await;
    assert_eq!(answer.code(), "BAD_USER_INPUT");
    assert_eq!(answer.json["errors"][0]["extensions"]["hint"], "see `metricCatalog`");
    let reversed = METRICS.replace("2026-03-31", "2026-02-01");
    assert_eq!(ask(&World::new(), GROUP, &reversed).await.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn too_large_an_answer_is_not_sent() {
    let world = World::with(Fault::None, |inner| inner.limits.answer_bytes = 40);
    let answer = ask(&world, GROUP, METRICS).await;
    assert_eq!(answer.code(), "LIMIT_EXCEEDED");
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_full_house_says_come_back() {
    let world = World::with(Fault::None, |inner| inner.limits.concurrent = 0);
    let answer = ask(&world, GROUP, METRICS).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"));
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn partial_success_has_its_status_where_switched_on() {
    let world = World::with(Fault::None, |inner| inner.web.partial_success_294 = true);
    let query = "{ patient(id: \"p1\") { id } runs { totalCount } }";
    let body = serde_json::json!({ "query": query }).to_string();
    let request = |accept: &str| {
        head(crate::client::SITE)
            .header(header::ACCEPT, accept)
            .body(Body::from(body.clone()))
            .expect("a request")
    };
    let newer = send(&world, request("application/graphql-response+json")).await;
    assert_eq!(newer.status.as_u16(), 294);
    let plain = send(&world, request("application/json")).await;
    assert_eq!(plain.status, StatusCode::OK);
}

#[tokio::test]
async fn probes_need_no_key() {
    let get = |path: &str| Request::get(path).body(Body::empty()).expect("a request");
    let world = World::new();
    assert_eq!(send(&world, get("/livez")).await.status, StatusCode::OK);
    assert_eq!(send(&world, get("/readyz")).await.status, StatusCode::OK);
    let empty = World::with(Fault::Empty, |_| {});
    assert_eq!(send(&empty, get("/livez")).await.status, StatusCode::OK);
    let unready = send(&empty, get("/readyz")).await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(unready.text.contains("no published snapshot"));
    assert_eq!(ask(&empty, GROUP, "{ orgUnits { id } }").await.code(), "NO_SNAPSHOT");
    world.0.web.shutdown.cancel();
    let leaving = send(&world, get("/readyz")).await;
    assert_eq!(leaving.status, StatusCode::SERVICE_UNAVAILABLE);
}
