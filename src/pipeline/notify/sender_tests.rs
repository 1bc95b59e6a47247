use std::sync::Mutex;

use chrono::{DateTime, Utc};
use hub_domain::alert::{Observation, Verdict};
use hub_domain::clock::Clock;
use hub_state::alerts::Evaluation;
use rust_decimal::Decimal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::notify::StandardMessage;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A clock tests move forward.
#[derive(Debug)]
struct HandClock(Mutex<DateTime<Utc>>);

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("clock")
    }
}

/// A server that answers each request with the next status line and keeps what it was sent.
async fn receiver(answers: Vec<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/hook", listener.local_addr().expect("address"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.expect("accepted");
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !complete(&request) {
                let read = socket.read(&mut chunk).await.expect("read");
                request.extend_from_slice(&chunk[..read]);
            }
            kept.lock().expect("seen").push(String::from_utf8(request).expect("text"));
            let reply =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            socket.write_all(reply.as_bytes()).await.expect("answered");
        }
    });
    (url, seen)
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

fn header(request: &str, name: &str) -> String {
    let line = request.lines().find(|line| line.to_lowercase().starts_with(name));
    line.and_then(|line| line.split_once(": ")).expect("header").1.to_owned()
}

async fn firing(url: &str, allow_private: bool) -> (Sender, Arc<HandClock>, tempfile::TempDir) {
    // Another test of this process may have installed the provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let start = "2026-11-01T00:00:00Z".parse().expect("an instant");
    let clock = Arc::new(HandClock(Mutex::new(start)));
    let dir = tempfile::tempdir().expect("folder");
    let address = format!("sqlite://{}", dir.path().join("state.db").display());
    let state = State::open(&address, clock.clone()).await.expect("state");
    let observation = Observation {
        rule: "R3".into(),
        subject: "site:SH01".into(),
        subject_label: None,
        site_id: Some("SH01".into()),
        period: "2026-10".into(),
        verdict: Verdict::Breach,
        value: Some(Decimal::new(25, 2)),
        threshold: Decimal::new(30, 2),
    };
    let rules: hub_domain::alert::AlertRuleFile = serde_json::from_value(serde_json::json!({
        "rules": [{
            "id": "R3", "label_zh": "x", "label_en": "x", "action": "look", "severity": "warning",
            "condition": { "kind": "metric", "metric": "m", "subject": "site", "op": "lt",
                           "threshold": "0.3" }
        }]
    }))
    .expect("a rule");
    let hooks = ["ops".to_owned()];
    let evaluation = Evaluation {
        snapshot_id: 1,
        observations: &[observation],
        rules: &rules.rules,
        hooks: &hooks,
    };
    state.apply_evaluation(&evaluation, &StandardMessage).await.expect("applied");
    let hook = Hook::new("ops", url, SECRET, allow_private).expect("hook");
    (Sender::new(state, vec![hook], clock.clone()), clock, dir)
}

#[tokio::test]
async fn retries_keep_the_id_and_sign_each_try_anew() {
    let (url, seen) = receiver(vec!["500 Oops", "302 Found", "200 OK"]).await;
    let (sender, clock, _dir) = firing(&url, true).await;
    for tries in 1..=3 {
        assert_eq!(sender.send_due().await.expect("sent"), 1, "try {tries}");
        *clock.0.lock().expect("clock") += TimeDelta::seconds(1);
        assert_eq!(sender.send_due().await.expect("sent"), 0, "not due yet");
        *clock.0.lock().expect("clock") += TimeDelta::minutes(6);
    }
    let seen = seen.lock().expect("seen").clone();
    assert_eq!(seen.len(), 3);
    let ids: Vec<String> = seen.iter().map(|request| header(request, "webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let webhook = Webhook::new(SECRET).expect("secret");
    for request in &seen {
        let timestamp: i64 = header(request, "webhook-timestamp").parse().expect("seconds");
        let body = request.split_once("\r\n\r\n").expect("body").1;
        let expected = webhook.sign(&ids[0], timestamp, body.as_bytes()).expect("signed");
        assert_eq!(header(request, "webhook-signature"), expected);
    }
    let deliveries = sender.state.deliveries().await.expect("listed");
    assert_eq!((deliveries[0].status.as_str(), deliveries[0].attempts), ("delivered", 3));
}

#[tokio::test]
async fn a_hook_that_is_gone_gets_no_more_tries() {
    let (url, _) = receiver(vec!["410 Gone"]).await;
    let (sender, _, _dir) = firing(&url, true).await;
    sender.send_due().await.expect("sent");
    assert_eq!(sender.state.deliveries().await.expect("listed")[0].status, "dead");
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"] {
        let (url, seen) = receiver(vec!["200 OK"]).await;
        let port = url.rsplit(':').next().expect("port").to_owned();
        let (sender, _, _dir) = firing(&format!("http://{host}:{port}"), false).await;
        sender.send_due().await.expect("tried");
        let delivery = &sender.state.deliveries().await.expect("listed")[0];
        assert_eq!(delivery.last_result.as_deref(), Some("address refused"), "{host}");
        assert!(seen.lock().expect("seen").is_empty(), "{host} was connected to");
    }
}

#[test]
fn unusable_hooks_are_refused() {
    for url in ["ftp://h/x", "file:///etc", "http://", "http://user@h/x", "nonsense"] {
        assert!(Hook::new("h", url, SECRET, true).is_err(), "{url}");
    }
    assert!(Hook::new("h", "https://h.example", "whsec_!!", true).is_err());
}
