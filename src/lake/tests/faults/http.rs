//! Enough of S3 over real HTTP to be told apart by the probe: put, get, head, delete, list.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::*;

/// How a server treats a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// Honours it.
    Honest,
    /// Answers 200 and overwrites.
    Overwrites,
    /// Looks, and writes a moment later.
    LooksThenWrites,
    /// Answers 501.
    Knows501,
    /// Honours it, and answers the first conditional put of each object too late.
    LosesAnswers,
}

/// A server on a free port; it ends with the test's runtime.
pub(super) struct S3 {
    address: String,
    shelf: Arc<Shelf>,
}

struct Shelf {
    manners: Manners,
    objects: Mutex<BTreeMap<String, Bytes>>,
    lost: Mutex<HashSet<String>>,
    count: AtomicU64,
}

impl S3 {
    pub(super) async fn start(manners: Manners) -> Self {
        let (objects, lost, count) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let shelf = Arc::new(Shelf { manners, objects, lost, count });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shelf));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shelf }
    }

    /// Answers that came too late.
    pub(super) fn lost(&self) -> u64 {
        self.shelf.count.load(Ordering::SeqCst)
    }

    fn options(&self) -> BTreeMap<String, String> {
        let entries = [
            ("aws_endpoint", self.address.as_str()),
            ("aws_allow_http", "true"),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", "any"),
            ("aws_secret_access_key", "any"),
            ("timeout", "300ms"),
        ];
        entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    pub(super) fn lake(&self) -> Lake {
        Lake::open("s3://bucket/lake", &self.options()).expect("a lake")
    }

    pub(super) fn single_writer_lake(&self) -> Lake {
        let clock = Arc::new(SystemClock);
        Lake::open_single_writer("s3://bucket/lake", &self.options(), clock).expect("a lake")
    }
}

async fn serve(State(shelf): State<Arc<Shelf>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let key = head.uri.path().trim_start_matches('/').to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    match head.method {
        Method::PUT => shelf.put(key, body, &head.headers).await,
        Method::GET if query.contains("list-type=2") => shelf.list(&query),
        Method::GET | Method::HEAD => shelf.get(&key, &head.headers),
        Method::DELETE => {
            shelf.objects.lock().expect("no holder panics").remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        // Many at once: a list of keys.
        Method::POST => {
            let text = String::from_utf8_lossy(&body).into_owned();
            let bucket = key.trim_end_matches('/').to_owned();
            let mut objects = shelf.objects.lock().expect("no holder panics");
            for name in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
                objects.remove(&format!("{bucket}/{name}"));
            }
            "<DeleteResult></DeleteResult>".into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

impl Shelf {
    fn has(&self, key: &str) -> bool {
        self.objects.lock().expect("no holder panics").contains_key(key)
    }

    async fn put(&self, key: String, body: Bytes, headers: &HeaderMap) -> Response {
        let conditional = headers.contains_key("if-none-match");
        let taken = StatusCode::PRECONDITION_FAILED.into_response();
        if conditional {
            match self.manners {
                Manners::Knows501 => return StatusCode::NOT_IMPLEMENTED.into_response(),
                Manners::LooksThenWrites => {
                    if self.has(&key) {
                        return taken;
                    }
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                Manners::Honest | Manners::LosesAnswers => {
                    let mut objects = self.objects.lock().expect("no holder panics");
                    if objects.contains_key(&key) {
                        return taken;
                    }
                    objects.insert(key.clone(), body.clone());
                }
                Manners::Overwrites => {}
            }
        }
        self.objects.lock().expect("no holder panics").insert(key.clone(), body);
        let first = self.lost.lock().expect("no holder panics").insert(key);
        if conditional && first && self.manners == Manners::LosesAnswers {
            self.count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        ([("etag", "\"1\"")], "").into_response()
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response {
        let objects = self.objects.lock().expect("no holder panics");
        let Some(body) = objects.get(key) else { return StatusCode::NOT_FOUND.into_response() };
        let common = [("etag", "\"1\""), ("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT")];
        let Some(range) = headers.get("range").and_then(|range| range.to_str().ok()) else {
            return (common, body.clone()).into_response();
        };
        let (from, to) = range.trim_start_matches("bytes=").split_once('-').expect("a range");
        let size = body.len();
        let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
            (Ok(from), Ok(to)) => (from, (to + 1).min(size)),
            (Ok(from), Err(_)) => (from, size),
            (Err(_), Ok(last)) => (size.saturating_sub(last), size),
            _ => (0, size),
        };
        let told = format!("bytes {from}-{}/{size}", to - 1);
        let part = body.slice(from..to);
        (StatusCode::PARTIAL_CONTENT, common, [("content-range", told)], part).into_response()
    }

    fn list(&self, query: &str) -> Response {
        let objects = self.objects.lock().expect("no holder panics");
        let value = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.map(|found| found.replace("%2F", "/")).unwrap_or_default()
        };
        let (prefix, after) = (value("prefix"), value("start-after"));
        let mut text = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
        for (key, body) in objects.iter() {
            let Some(name) = key.strip_prefix("bucket/") else { continue };
            if name.starts_with(&prefix) && name > after.as_str() {
                text.push_str(&format!(
                    "<Contents><Key>{name}</Key><Size>{}</Size><ETag>1</ETag>\
                     <LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>",
                    body.len()
                ));
            }
        }
        text.push_str("</ListBucketResult>");
        text.into_response()
    }
}
