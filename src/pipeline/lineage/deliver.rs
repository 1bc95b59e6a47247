//! Delivery of events, beside the night: in order, bounded in time, given up when nobody answers.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::event::RunEvent;
use super::{Lineage, Receiver};

/// Tries of one event.
const TRIES: u32 = 2;
/// Pause between them.
const PAUSE: Duration = Duration::from_millis(250);

/// Why an event is lost.
enum Lost {
    /// The receiver does not want this one.
    Refused(String),
    /// The receiver is not there: the rest would be lost as well.
    Away(String),
}

/// Sends what it is given, one after another.
pub(super) struct Courier {
    events: UnboundedSender<RunEvent>,
    work: JoinHandle<Delivered>,
    receiver: String,
    /// Longest time the night waits for the last events.
    patience: Duration,
}

/// What came of the events of one night.
#[derive(Debug, Default)]
struct Delivered {
    lost: u64,
    why: Option<String>,
}

impl Courier {
    pub(super) fn start(lineage: &Lineage) -> Self {
        let (events, waiting) = unbounded_channel();
        let receiver = lineage.receiver.told();
        let patience = lineage.timeout * (TRIES + 1);
        let work = tokio::spawn(deliver(lineage.clone(), waiting));
        Self { events, work, receiver, patience }
    }

    pub(super) fn send(&self, event: RunEvent) {
        // A courier that is gone has said why, or will at the end.
        let _ = self.events.send(event);
    }

    /// Waits until everything is sent, but not for long; says what was lost.
    pub(super) async fn finish(self) {
        drop(self.events);
        let receiver = self.receiver;
        let stop = self.work.abort_handle();
        match tokio::time::timeout(self.patience, self.work).await {
            Ok(Ok(Delivered { lost: 0, .. })) => {}
            Ok(Ok(Delivered { lost, why })) => {
                let why = why.unwrap_or_default();
                tracing::warn!(receiver, lost, why, "lineage events were not delivered");
            }
            Ok(Err(_)) | Err(_) => {
                stop.abort();
                tracing::warn!(receiver, "lineage events were not delivered in time");
            }
        }
    }
}

async fn deliver(lineage: Lineage, mut events: UnboundedReceiver<RunEvent>) -> Delivered {
    let mut delivered = Delivered::default();
    // Redirects are never followed, and no proxy of the environment sees events.
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(lineage.timeout)
        .build();
    let mut away = false;
    while let Some(event) = events.recv().await {
        if away {
            delivered.lost += 1;
            continue;
        }
        let Ok(text) = serde_json::to_string(&event) else { continue };
        let sent = match (&lineage.receiver, &client) {
            (Receiver::File(path), _) => append(path, &text).await,
            (Receiver::Http { url, api_key }, Ok(client)) => {
                let request = client.post(url.clone()).header("content-type", "application/json");
                let request = match api_key {
                    Some(key) => request.bearer_auth(key),
                    None => request,
                };
                post(request.body(text)).await
            }
            (Receiver::Http { .. }, Err(_)) => Err(Lost::Away("no HTTP client".into())),
        };
        if let Err(lost) = sent {
            delivered.lost += 1;
            let (why, gone) = match lost {
                Lost::Refused(why) => (why, false),
                Lost::Away(why) => (why, true),
            };
            away = gone;
            delivered.why.get_or_insert(why);
        }
    }
    delivered
}

async fn post(request: reqwest::RequestBuilder) -> Result<(), Lost> {
    let mut why = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let Some(request) = request.try_clone() else { break };
        match request.send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) if is_final(response.status()) => {
                return Err(Lost::Refused(response.status().to_string()));
            }
            Ok(response) => why = response.status().to_string(),
            Err(error) if error.is_timeout() => why = "timeout".into(),
            Err(error) if error.is_connect() => why = "connection failed".into(),
            Err(_) => why = "request failed".into(),
        }
    }
    Err(Lost::Away(why))
}

/// Whether trying again cannot help.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS
}

async fn append(path: &Path, text: &str) -> Result<(), Lost> {
    let written = async {
        let mut options = tokio::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(path).await?;
        // One write per line: two nights at once do not mix their lines.
        file.write_all(format!("{text}\n").as_bytes()).await?;
        file.flush().await
    };
    written.await.map_err(|error: std::io::Error| Lost::Away(error.kind().to_string()))
}
