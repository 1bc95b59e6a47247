//! Alerts of a night reach a hook: signed as Standard Webhooks says, tried again, told once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{END, RUNTIME, Served, clinichub, fresh, hub};

/// 32 bytes, `0x00` to `0x1f`, in base64.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[derive(Debug, Clone)]
struct Message {
    id: String,
    timestamp: String,
    signature: String,
    body: String,
}

/// Everything the hook was sent; each id is refused once, so that it must come again.
type Inbox = Arc<Mutex<Vec<Message>>>;

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: String) -> StatusCode {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let message = Message {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp"),
        signature: text("webhook-signature"),
        body,
    };
    let mut inbox = inbox.lock().expect("the inbox");
    let known = inbox.iter().any(|before| before.id == message.id);
    inbox.push(message);
    if known { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn receiver() -> (String, Inbox) {
    let inbox = Inbox::default();
    let router = Router::new().route("/hook", post(receive)).with_state(inbox.clone());
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    RUNTIME.spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/hook"), inbox)
}

/// HMAC-SHA256 by its definition, so that the signer is not checked by itself.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(cell, byte)| *cell ^= byte);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let at = ((bits >> (18 - 6 * digit)) & 63) as usize;
            text.push(if digit <= chunk.len() { char::from(DIGITS[at]) } else { '=' });
        }
    }
    text
}

fn signed(message: &Message) -> bool {
    let key: Vec<u8> = (0..32).collect();
    let text = format!("{}.{}.{}", message.id, message.timestamp, message.body);
    let wanted = format!("v1,{}", base64(&hmac(&key, text.as_bytes())));
    message.signature.split(' ').any(|one| one == wanted)
}

#[test]
fn the_test_signs_as_the_standard_does() {
    // RFC 4231, case 2.
    let digest = hmac(b"Jefe", b"what do ya want for nothing?");
    assert!(hex::encode(digest).starts_with("5bdcc146bf60754e6a042426089575c7"));
    assert_eq!(base64(b"light wor"), "bGlnaHQgd29y");
    assert_eq!(base64(b"light wo"), "bGlnaHQgd28=");
}

#[test]
fn a_hook_hears_of_every_alert_signed_and_again_after_a_refusal() {
    let (url, inbox) = receiver();
    let hook = format!(
        "alerts:\n  hooks:\n    - {{ id: ops, url: \"{url}\", secret: \"{SECRET}\", \
         format: standard, allow_private: true }}\n"
    );
    let dir = fresh(&hub().dir, |config| config + &hook);
    let config = dir.path().join("clinichub.yaml");
    let call = |words: &[&str]| clinichub(words).arg("--config").arg(&config).done().passed();
    call(&["nightly", "--date", END]);
    let stored = call(&["alerts", "list"]).lines().count() - 1;
    assert!(stored >= 2, "{stored} alerts");
    let _served = Served::start(&config, None);
    let answered = || {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for message in inbox.lock().expect("the inbox").iter() {
            *times.entry(message.id.clone()).or_default() += 1;
        }
        times.len() == stored && times.values().all(|times| *times >= 2)
    };
    let started = Instant::now();
    while !answered() && started.elapsed() < Duration::from_secs(40) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let inbox = inbox.lock().expect("the inbox").clone();
    assert!(answered_twice(&inbox, stored), "{stored} alerts, heard {inbox:#?}");
    for message in &inbox {
        assert!(signed(message), "{message:?}");
        let body: Value = serde_json::from_str(&message.body).expect("JSON");
        assert_eq!(body["type"], "alert.firing");
        assert_eq!(body["data"]["snapshotId"], 1);
    }
    let alerts: BTreeSet<String> = inbox
        .iter()
        .map(|message| serde_json::from_str::<Value>(&message.body).expect("JSON"))
        .map(|body| body["data"]["alertId"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(alerts.len(), stored);
    std::thread::sleep(Duration::from_millis(500));
    let delivered = call(&["alerts", "deliveries"]);
    let done = delivered.lines().filter(|line| line.contains("delivered")).count();
    assert_eq!(done, stored, "{delivered}");
    assert!(!delivered.contains(&url), "addresses never print");
}

/// Every alert was sent twice under one id, with one body.
fn answered_twice(inbox: &[Message], alerts: usize) -> bool {
    let mut bodies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for message in inbox {
        bodies.entry(&message.id).or_default().push(&message.body);
    }
    bodies.len() == alerts
        && bodies.values().all(|sent| sent.len() == 2 && sent.iter().all(|body| *body == sent[0]))
}
