use chrono::{DateTime, Utc};
use chrono_tz::Asia::Shanghai;
use serde_json::{Value, json};

use super::deliver::Courier;
use super::event::{Job, RunEvent, Step, run_id};
use super::*;

fn event() -> RunEvent {
    let job = Job::new("beirui", "nightly".into(), "DAG");
    let parent = run_id("81c1a0de-6b2e-8f5c-9f8d-0123456789ab", "");
    let date = "2026-03-31".parse().expect("a day");
    RunEvent::new(
        Step::Fail,
        DateTime::<Utc>::UNIX_EPOCH,
        run_id("run", "build.visit"),
        job.clone(),
    )
    .of_day(date, Shanghai)
    .under(parent, &job)
    .because("BUILD_FAILED: table `visit`")
}

#[test]
fn an_event_has_what_the_specification_asks_for() {
    let event = serde_json::to_value(event()).expect("JSON");
    assert_eq!(event["eventType"], "FAIL");
    assert_eq!(event["eventTime"], "1970-01-01T00:00:00.000000Z");
    let facets = &event["run"]["facets"];
    assert_eq!(facets["nominalTime"]["nominalStartTime"], "2026-03-30T16:00:00.000000Z");
    assert_eq!(facets["nominalTime"]["nominalEndTime"], "2026-03-31T16:00:00.000000Z");
    assert_eq!(facets["parent"]["run"]["runId"], "81c1a0de-6b2e-8f5c-9f8d-0123456789ab");
    assert_eq!(facets["errorMessage"]["message"], "BUILD_FAILED: table `visit`");
    for facet in facets.as_object().expect("facets").values() {
        let url = facet["_schemaURL"].as_str().expect("a schema");
        assert!(url.starts_with("https://openlineage.io/spec/facets/"), "{url}");
        assert!(facet["_producer"].as_str().expect("a producer").starts_with("urn:clinichub:"));
    }
}

#[test]
fn run_ids_are_the_same_again_and_differ_by_part() {
    assert_eq!(run_id("r", "extract.his.a"), run_id("r", "extract.his.a"));
    assert_ne!(run_id("r", "extract.his.a"), run_id("r", "extract.his.b"));
    assert_ne!(run_id("r", "extract.his.a"), run_id("s", "extract.his.a"));
}

/// Takes connections, and answers every request with `answer` or never.
async fn listening(answer: Option<&'static str>) -> (Url, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/api/v1/lineage", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(answer) = answer {
                let mut request = vec![0; 65_536];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            } else {
                kept.push(stream);
            }
        }
    });
    (url.parse().expect("an address"), serving)
}

async fn sent_within(receiver: Receiver, limit: Duration) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut lineage = Lineage::new("beirui", receiver);
    lineage.timeout = Duration::from_millis(200);
    let started = std::time::Instant::now();
    let courier = Courier::start(&lineage);
    for _ in 0..50 {
        courier.send(event());
    }
    courier.finish().await;
    assert!(started.elapsed() < limit, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_costs_little_time() {
    let (url, _serving) = listening(None).await;
    let http = |url: Url| Receiver::Http { url, api_key: Some("key".into()) };
    sent_within(http(url), Duration::from_millis(1_500)).await;
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let url = format!("http://{address}/").parse().expect("an address");
    sent_within(http(url), Duration::from_millis(1_500)).await;
    let refused = "HTTP/1.1 422 Unprocessable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (url, _serving) = listening(Some(refused)).await;
    sent_within(http(url), Duration::from_millis(1_500)).await;
}

#[tokio::test]
async fn a_file_has_one_event_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lineage.jsonl");
    sent_within(Receiver::File(path.clone()), Duration::from_secs(5)).await;
    let text = std::fs::read_to_string(&path).expect("a file");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len(), 50);
    assert_eq!(events[0]["job"]["name"], json!("nightly"));
    sent_within(Receiver::File(folder.path().join("absent/x")), Duration::from_secs(5)).await;
}
