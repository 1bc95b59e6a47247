//! The door over a small lake, called without a socket.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringArray};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use hub_domain::clock::SystemClock;
use hub_domain::ports::{Access, AccessLog, Authenticator};
use hub_domain::project::ProjectFiles;
use hub_domain::snapshot::Snapshot;
use hub_domain::{Error, Principal};
use hub_engine::{Engine, EngineConfig, Registry};
use hub_lake::{Contracts, Lake, TableId, Txn, WriteMode, WriteSpec, arrow_schema};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::{WireState, router};

const CONTRACT: &str = "\
table: bill
grain: one row per bill
key: [bill_id]
policy: { site: site_id }
columns:
  - { name: bill_id, type: int64 }
  - { name: site_id, type: text }
  - { name: note, type: text, nullable: true }
  - { name: rate, type: \"decimal(38,2)\" }
";
const ROWS: i64 = 20_000;

struct Keys;

#[async_trait]
impl Authenticator for Keys {
    async fn by_api_key(&self, key: &str) -> Result<Principal, Error> {
        match key {
            "group-key" => Ok(Principal::group("boss")),
            "site-key" => Ok(Principal::site("clerk", ["A".to_owned()])),
            _ => Err(Error::Unauthenticated),
        }
    }
}

#[derive(Default)]
struct Log {
    kept: Mutex<Vec<(String, Access)>>,
    broken: bool,
}

#[async_trait]
impl AccessLog for Log {
    async fn record(&self, principal: &Principal, access: Access) -> Result<(), Error> {
        if self.broken {
            return Err(Error::internal("the log is full"));
        }
        self.kept.lock().expect("no panic").push((principal.user.clone(), access));
        Ok(())
    }
}

struct Door {
    router: axum::Router,
    log: Arc<Log>,
    _folder: TempDir,
}

async fn door(change: impl FnOnce(&mut EngineConfig), log: Log) -> Door {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().display());
    let lake = Lake::open(&url, &BTreeMap::new()).expect("a lake");
    let mut project = ProjectFiles::default();
    project.files.insert("schema/tables/bill.yaml".into(), CONTRACT.into());
    let contracts = Contracts::load(&project).expect("a contract");
    publish(&lake, &contracts).await;
    let mut config = EngineConfig::new(chrono_tz::UTC, b"key".to_vec());
    change(&mut config);
    let registry = Registry::default();
    let engine = Engine::new(config, lake, contracts, registry, Arc::new(SystemClock));
    let log = Arc::new(log);
    let state = WireState {
        engine: engine.expect("an engine"),
        auth: Arc::new(Keys),
        access: Arc::clone(&log) as Arc<dyn AccessLog>,
    };
    Door { router: router(state), log, _folder: folder }
}

async fn publish(lake: &Lake, contracts: &Contracts) {
    let contract = &contracts.tables["bill"];
    let schema = arrow_schema(contract);
    let ids: Vec<i64> = (0..ROWS).collect();
    let sites = ids.iter().map(|id| if id % 2 == 0 { "A" } else { "B" });
    let notes = ids.iter().map(|id| (id % 2 == 1).then_some("SECRET"));
    let rates = Decimal128Array::from(vec![12_345_678_901_234_567_890_i128; ids.len()]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(ids.clone())),
        Arc::new(StringArray::from_iter_values(sites)),
        Arc::new(StringArray::from_iter(notes)),
        Arc::new(rates.with_precision_and_scale(38, 2).expect("fits")),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("rows");
    let txn = Txn { app_id: "test".into(), version: 1 };
    let spec = WriteSpec::new(Arc::clone(&schema), WriteMode::Overwrite, txn).laid_out_as(contract);
    let rows = RecordBatchStreamAdapter::new(schema, futures::stream::iter(vec![Ok(batch)]));
    let table = lake.table(&TableId::hub("bill"));
    let written = table.write(spec, Box::pin(rows)).await.expect("written");
    let snapshot = Snapshot {
        id: 1,
        business_date: "2026-03-31".parse().expect("a day"),
        published_at: "2026-04-01T00:00:00Z".parse().expect("an instant"),
        run_id: "run".into(),
        tables: BTreeMap::from([("bill".to_owned(), written.version)]),
        definition_hash: String::new(),
        audits: Vec::new(),
        rollback_of: None,
        lease_token: 0,
    };
    lake.publish(&snapshot).await.expect("published");
}

impl Door {
    async fn send(&self, key: Option<&str>, accept: Option<&str>, body: Body) -> Response<Body> {
        let mut request = Request::post("/sql");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let request = request.body(body).expect("a request");
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    async fn ask(&self, key: &str, accept: Option<&str>, sql: &str) -> (StatusCode, Vec<u8>) {
        let response = self.send(Some(key), accept, Body::from(sql.to_owned())).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
        (status, body.to_vec())
    }

    /// Status and code of a failure; its body must have the shape every failure has.
    async fn failure(&self, key: &str, accept: Option<&str>, sql: &str) -> (u16, String) {
        let (status, body) = self.ask(key, accept, sql).await;
        let body: serde_json::Value = serde_json::from_slice(&body).expect("json");
        assert!(body["message"].is_string() && body["requestId"].is_string(), "{body}");
        assert!(body.get("hint").is_some() && !body.to_string().contains("SECRET"), "{body}");
        (status.as_u16(), body["code"].as_str().expect("a code").to_owned())
    }
}

#[tokio::test]
async fn three_forms_hold_the_same_rows() {
    let door = door(|_| {}, Log::default()).await;
    let sql = "select bill_id, note, rate from hub.bill where bill_id < 3 order by bill_id";
    let (status, body) = door.ask("group-key", None, sql).await;
    assert_eq!(status, StatusCode::OK);
    let rows: serde_json::Value = serde_json::from_slice(&body).expect("json");
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    assert_eq!(rows[1]["note"], "SECRET");
    assert!(rows[0]["note"].is_null());
    assert_eq!(rows[0]["rate"], "123456789012345678.90");
    let (_, body) = door.ask("group-key", Some("text/csv"), sql).await;
    let text = String::from_utf8(body).expect("text");
    assert!(text.starts_with("bill_id,note,rate\n0,,123456789012345678.90\n1,SECRET,"), "{text}");
    let arrow = Some("application/vnd.apache.arrow.stream");
    let (_, body) = door.ask("group-key", arrow, sql).await;
    let read: usize = StreamReader::try_new(Cursor::new(body), None)
        .expect("a stream")
        .map(|batch| batch.expect("rows").num_rows())
        .sum();
    assert_eq!(read, 3);
}

#[tokio::test]
async fn large_answers_stream_whole_and_under_the_policy() {
    let door = door(|_| {}, Log::default()).await;
    let (status, body) = door.ask("site-key", Some("text/csv"), "select * from hub.bill").await;
    let text = String::from_utf8(body).expect("text");
    assert_eq!((status, text.lines().count()), (StatusCode::OK, ROWS as usize / 2 + 1));
    assert!(!text.contains("SECRET"));
    let empty = "select bill_id from hub.bill where site_id = 'B'";
    assert_eq!(door.ask("site-key", None, empty).await.1, b"[]");
    assert_eq!(door.ask("site-key", Some("text/csv"), empty).await.1, b"bill_id\n");
}

#[tokio::test]
async fn failures_have_a_status_a_code_and_a_request_id() {
    let door = door(|_| {}, Log::default()).await;
    let ask =
        |accept: Option<&'static str>, sql: &'static str| door.failure("group-key", accept, sql);
    assert_eq!(door.failure("nobody", None, "select 1").await, (401, "UNAUTHENTICATED".into()));
    assert_eq!(ask(None, "drop table hub.bill").await, (403, "STATEMENT_REFUSED".into()));
    assert_eq!(ask(None, "select nothing").await, (400, "INVALID_SQL".into()));
    assert_eq!(ask(None, "").await, (400, "INVALID_SQL".into()));
    let cast = "select cast(note as bigint) from hub.bill";
    assert_eq!(ask(None, cast).await, (400, "EXECUTION_FAILED".into()));
    assert_eq!(ask(Some("image/png"), "select 1").await, (406, "NOT_ACCEPTABLE".into()));
    let long = format!("select '{}'", "x".repeat(20_000));
    let told = door.failure("group-key", None, &long).await;
    assert_eq!(told, (413, "STATEMENT_TOO_LARGE".into()));
    let huge = "x".repeat(100_000);
    assert_eq!(door.failure("group-key", None, &huge).await, (413, "BODY_TOO_LARGE".into()));
}

#[tokio::test]
async fn a_request_without_one_good_key_is_sent_away() {
    let door = door(|_| {}, Log::default()).await;
    let response = door.send(None, None, Body::from("select 1")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert!(response.headers().contains_key("x-request-id"));
    let twice = Request::post("/sql")
        .header("authorization", "Bearer group-key")
        .header("authorization", "Bearer group-key")
        .header("x-request-id", "abc-1")
        .body(Body::from("select 1"))
        .expect("a request");
    let response = door.router.clone().oneshot(twice).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["x-request-id"], "abc-1");
    let get = Request::get("/sql").body(Body::empty()).expect("a request");
    let response = door.router.clone().oneshot(get).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let broken = door.send(Some("group-key"), None, Body::from(vec![0xff, 0xfe])).await;
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_answer_that_meets_a_limit_breaks_and_never_just_ends() {
    let few = door(|config| config.max_rows = 10_000, Log::default()).await;
    let sql = "select * from hub.bill";
    let response = few.send(Some("group-key"), None, Body::from(sql)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(to_bytes(response.into_body(), usize::MAX).await.is_err(), "the answer was cut short");
    let none = door(|config| config.max_rows = 1, Log::default()).await;
    assert_eq!(none.failure("group-key", None, sql).await, (413, "LIMIT_EXCEEDED".into()));
    let late = door(|config| config.deadline = Duration::from_nanos(1), Log::default()).await;
    assert_eq!(late.failure("group-key", None, sql).await, (504, "DEADLINE_EXCEEDED".into()));
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_again() {
    let narrow = door(|config| config.concurrent_queries = 1, Log::default()).await;
    let mut held = Vec::new();
    // An answer nobody reads holds its place.
    let held_sql = "select * from hub.bill";
    held.push(narrow.send(Some("group-key"), None, Body::from(held_sql)).await);
    let narrow = Arc::new(narrow);
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let narrow = Arc::clone(&narrow);
            tokio::spawn(async move { narrow.ask("group-key", None, "select 1").await.0 })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let response = narrow.send(Some("group-key"), None, Body::from("select 1")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(held);
    for answer in waiting {
        assert_eq!(answer.await.expect("no panic"), StatusCode::OK);
    }
}

#[tokio::test]
async fn every_answer_is_logged_before_it_leaves() {
    let kept = door(|_| {}, Log::default()).await;
    kept.ask("site-key", None, "select 1").await;
    let log = kept.log.kept.lock().expect("no panic").clone();
    assert_eq!(log.len(), 1);
    let (user, access) = &log[0];
    assert_eq!((user.as_str(), access.operation.as_str()), ("clerk", "sql"));
    assert_eq!(access.query_hash.as_ref().map(String::len), Some(64));
    let log = Log { broken: true, ..Log::default() };
    let deaf = door(|_| {}, log).await;
    let told = deaf.failure("group-key", None, "select 1").await;
    assert_eq!(told, (500, "INTERNAL_SERVER_ERROR".into()));
}
