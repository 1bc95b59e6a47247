//! Operations: run records, freshness, metrics and lineage as an operator meets them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;

use crate::nights::{SECOND, copied};
use crate::support::{END, Hub, RUNTIME, clinichub, hub};

#[test]
fn a_run_is_shown_as_table_json_and_rows() {
    let hub = hub();
    let show = |words: &[&str]| {
        let call = clinichub(["runs", "show"].iter().chain(words)).arg("--config");
        call.arg(hub.config()).done()
    };
    let text = show(&[]).passed();
    for part in ["status   published", "his.t_jz", "watermark after", "extract", "rejected "] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let run: Value =
        serde_json::from_str(&show(&["latest", "--format", "json"]).passed()).expect("JSON");
    assert!(show(&["no-such-run"]).exited(1).is_empty());
    let loads = run["loads"].as_array().expect("loads");
    let written = loads.iter().filter(|load| load["bytes_written"].as_u64() > Some(0));
    assert!(written.count() > 30, "{loads:?}");
    let rows = hub.rows(&format!(
        "select table_name, bytes_written, version from ops.loads where run_id = '{}'",
        run["id"].as_str().expect("an id")
    ));
    assert_eq!(rows.len(), loads.len());
    for row in rows {
        let load = loads.iter().find(|load| load["table"] == row["table_name"].as_str());
        let load = load.expect("the load");
        assert_eq!(load["bytes_written"].to_string(), row["bytes_written"]);
        assert_eq!(load["version"].to_string(), row["version"]);
    }
    let published = "select count(*) from ops.runs where status = 'published'";
    assert_eq!(hub.scalar(published), "3");
    for closed in ["select * from ops.runs", "select * from ops.loads"] {
        assert_ne!(hub.served.sql(&hub.manager, closed).status, 200, "{closed}");
    }
}

#[test]
fn freshness_is_judged_by_days_and_sites() {
    let hub = hub();
    // The demo's last day is long past.
    let raw = "select data_through, state, count(*) as n from ops.freshness \
               where layer = 'raw' group by 1, 2";
    let raw = hub.rows(raw);
    assert_eq!(raw.len(), 1, "{raw:?}");
    assert_eq!((raw[0]["data_through"].as_str(), raw[0]["state"].as_str()), (END, "stale"));
    let visits = "select site, data_through, state from ops.freshness where table_name = 'visit' \
                  and data_through is not null order by site";
    let newest = "select site_id as site, max(biz_date) as data_through, 'stale' as state \
                  from hub.visit group by site_id order by site";
    assert_eq!(hub.rows(visits), hub.rows(newest));
    let sites: BTreeSet<String> = hub
        .served
        .rows(&hub.manager, "select distinct coalesce(site, layer) as site from ops.freshness")
        .into_iter()
        .map(|row| row["site"].clone())
        .collect();
    assert_eq!(sites, BTreeSet::from([Hub::SITE.to_owned()]));
    let answer = hub.graphql("{ snapshot { freshness { layer table site dataThrough state } } }");
    let shown = answer["snapshot"]["freshness"].as_array().expect("tables").len();
    assert_eq!(shown.to_string(), hub.scalar("select count(*) from ops.freshness"));
    let listed = clinichub(["sources", "--config"]).arg(hub.config()).done().passed();
    let line = listed.lines().find(|line| line.contains("t_jz ")).expect("the table");
    assert!(line.contains(END) && line.contains("stale"), "{line}");
}

/// Name of a metric and everything it may be followed by in a sample of its family.
fn families(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split_once(' ').expect("name and type"))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

/// What OpenMetrics asks of a document, as far as lines tell.
fn is_open_metrics(text: &str) {
    assert!(text.ends_with("# EOF\n"), "{}", &text[text.len().saturating_sub(80)..]);
    let families = families(text);
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).expect("a sample");
        let name = &line[..end];
        assert!(name.starts_with("clinichub_"), "{line}");
        let family = families.iter().find(|(family, kind)| {
            let suffixes: &[&str] = match kind.as_str() {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                _ => &[""],
            };
            suffixes.iter().any(|suffix| name == format!("{family}{suffix}"))
        });
        assert!(family.is_some(), "no family for {line}");
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(seen.insert(series.to_owned()), "twice: {series}");
    }
    assert!(seen.len() > 10, "{text}");
}

#[test]
fn metrics_show_names_to_group_keys_only() {
    let hub = hub();
    hub.graphql("{ viewer { user } }");
    hub.served.graphql_answer(&hub.ceo, "{ nothing }");
    hub.served.sql(&hub.ceo, "select 1");
    hub.served.sql(&hub.ceo, "select nothing");
    let open = hub.served.get("/metrics");
    assert_eq!(open.status, 200);
    let media = open.headers["content-type"].to_str().expect("text");
    assert_eq!(media, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    is_open_metrics(&open.body);
    for part in [
        "clinichub_http_requests_total{method=\"POST\",route=\"/graphql\",status=\"200\"}",
        "clinichub_graphql_operations_total{operation=\"query\"}",
        "clinichub_graphql_errors_total{code=\"GRAPHQL_VALIDATION_FAILED\"}",
        "clinichub_statements_total{door=\"sql\",outcome=\"ok\"}",
        "clinichub_statements_total{door=\"sql\",outcome=\"INVALID_SQL\"}",
        "clinichub_statement_duration_seconds_bucket{le=\"0.001\",door=\"sql\"}",
        "clinichub_snapshot_number 3",
        "clinichub_process_resident_memory_bytes",
    ] {
        assert!(open.body.contains(part), "no `{part}` in\n{}", open.body);
    }
    for name in ["t_jz", Hub::SITE, "\"his\"", "rule="] {
        assert!(!open.body.contains(name), "`{name}` is shown to everybody");
    }
    let full = hub.served.get_as("/metrics", &hub.ceo);
    assert_eq!(full.status, 200);
    is_open_metrics(&full.body);
    let freshness = format!(
        "clinichub_freshness_stale{{layer=\"hub\",source=\"his\",table=\"visit\",site=\"{}\"}} 1",
        Hub::SITE
    );
    for part in [
        "clinichub_last_run_status{status=\"published\"} 1",
        "clinichub_last_run_rows{source=\"his\",table=\"t_jz\",kind=\"read\"}",
        "clinichub_outbox_messages{status=\"dead\"} 0",
        "clinichub_freshness_age_seconds{layer=\"raw\",source=\"his\",table=\"t_jz\",site=\"\"}",
        freshness.as_str(),
    ] {
        assert!(full.body.contains(part), "no `{part}` in\n{}", full.body);
    }
    assert!(!full.body.contains("scrape_incomplete"));
    assert_eq!(hub.served.get_as("/metrics", &hub.manager).status, 403);
    assert_eq!(hub.served.get_as("/metrics", "ch_nobody_nothing").status, 401);
}

type Inbox = Arc<Mutex<Vec<Value>>>;

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: String) -> StatusCode {
    if headers.get("authorization").is_none_or(|key| key != "Bearer lineage-key") {
        return StatusCode::UNAUTHORIZED;
    }
    let event = serde_json::from_str(&body).expect("JSON");
    inbox.lock().expect("the inbox").push(event);
    StatusCode::CREATED
}

fn receiver() -> (String, Inbox) {
    let inbox = Inbox::default();
    let router = Router::new().route("/api/v1/lineage", post(receive)).with_state(inbox.clone());
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    RUNTIME.spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/api/v1/lineage"), inbox)
}

/// Runs the second night of `dir` with `lineage` as that section of its configuration.
fn night(dir: &Path, date: &str, lineage: &str) -> crate::support::Done {
    let (plain, config) = (dir.join("clinichub.yaml"), dir.join("lineage.yaml"));
    let text = fs::read_to_string(plain).expect("the configuration");
    fs::write(&config, format!("{text}lineage: {lineage}\n")).expect("written");
    clinichub(["nightly", "--date", date, "--config"]).arg(config).done()
}

fn text<'a>(event: &'a Value, path: &str) -> &'a str {
    event.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path}: {event}"))
}

#[test]
fn a_night_is_told_from_source_to_mart() {
    let dir = copied();
    let (url, inbox) = receiver();
    let section = format!("{{ url: \"{url}\", api_key: lineage-key, namespace: nights }}");
    night(dir.path(), SECOND, &section).passed();
    let events = std::mem::take(&mut *inbox.lock().expect("the inbox"));
    // Every run begins once and ends once, and well.
    let mut steps: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in &events {
        let run = text(event, "/run/runId");
        steps.entry(run).or_default().push(text(event, "/eventType"));
    }
    assert!(steps.len() > 100, "{} runs", steps.len());
    assert!(steps.values().all(|steps| steps[..] == ["START", "COMPLETE"]), "{steps:?}");
    let (first, last) = (&events[0], &events[events.len() - 1]);
    assert_eq!(text(first, "/run/runId"), text(last, "/run/runId"));
    assert_eq!((text(last, "/job/namespace"), text(last, "/job/name")), ("nights", "nightly"));
    for part in &events[1..events.len() - 1] {
        let parent = text(part, "/run/facets/parent/run/runId");
        assert_eq!(parent, text(first, "/run/runId"));
    }
    let done = |job: &str| {
        let found = events.iter().rfind(|event| text(event, "/job/name") == job);
        found.unwrap_or_else(|| panic!("no {job}"))
    };
    let read = done("nightly.extract.his.t_jz");
    assert!(text(read, "/inputs/0/namespace").starts_with("sqlite:///"));
    assert_eq!(text(read, "/inputs/0/name"), "t_jz");
    assert!(read["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"].as_u64() > Some(0));
    assert!(text(read, "/outputs/0/name").ends_with("/lake/raw/his.t_jz"));
    assert_eq!(text(read, "/outputs/0/facets/version/datasetVersion"), "1");
    let statistics = &read["outputs"][0]["outputFacets"]["outputStatistics"];
    assert_eq!(statistics["fileCount"], 1, "{statistics}");
    let built = done("nightly.build.visit");
    let inputs = built["inputs"].as_array().expect("inputs");
    let raw = inputs.iter().find(|input| text(input, "/name").ends_with("raw/his.t_jz"));
    let version = raw.expect("the raw table").pointer("/facets/version/datasetVersion");
    assert_eq!(version, Some(&Value::from("1")));
    let columns = built["outputs"][0]["facets"]["schema"]["fields"].as_array().expect("columns");
    assert!(columns.iter().any(|column| column["name"] == "biz_date" && column["type"] == "date"));
    // A night that fails says why, to a file as well.
    let failed = night(dir.path(), "2026-10-01", "{ file: ./events.jsonl }");
    failed.exited(1);
    let told = fs::read_to_string(dir.path().join("events.jsonl")).expect("the file");
    let lines: Vec<Value> =
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let end = lines.last().expect("an event");
    assert_eq!(text(end, "/eventType"), "FAIL");
    assert!(text(end, "/run/facets/errorMessage/message").starts_with("OLDER_DATE: "));
    // A receiver that is away costs a warning.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let started = Instant::now();
    let away = night(dir.path(), SECOND, &format!("{{ url: \"http://{address}/\" }}"));
    away.passed();
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(away.err().contains("lineage events were not delivered"), "{}", away.err());
}
