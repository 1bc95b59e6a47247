//! The sender: claims what is due, signs, sends, writes the result.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::join_all;
use hub_domain::clock::SharedClock;
use hub_state::State;
use hub_state::outbox::{Outcome, Outgoing};
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use standardwebhooks::Webhook;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Error;
use super::guard::is_public;
use super::schedule::next_attempt;

/// Longest one try may take; a claim is held a little longer.
const TRY_SECONDS: u64 = 20;
/// How often the outbox is looked at when nothing is due.
const IDLE: Duration = Duration::from_secs(2);
/// Messages claimed at once.
const BATCH: u32 = 32;

/// One configured hook.
pub struct Hook {
    id: String,
    url: Url,
    signer: Webhook,
    allow_private: bool,
}

impl Hook {
    /// A checked hook.
    ///
    /// # Errors
    /// `Address` for anything but http and https, `Secret` for a malformed secret.
    pub fn new(id: &str, url: &str, secret: &str, allow_private: bool) -> Result<Self, Error> {
        let bad_address = || Error::Address { hook: id.to_owned() };
        let url = Url::parse(url).map_err(|_| bad_address())?;
        let web = matches!(url.scheme(), "https" | "http") && url.has_host();
        if !web || !url.username().is_empty() || url.password().is_some() {
            return Err(bad_address());
        }
        let signer =
            Webhook::new(secret).map_err(|source| Error::Secret { hook: id.to_owned(), source })?;
        Ok(Self { id: id.to_owned(), url, signer, allow_private })
    }
}

/// What one try came to, before the schedule is asked.
enum Tried {
    Delivered(StatusCode),
    /// The hook said it is gone for good.
    Gone(StatusCode),
    Failed {
        result: String,
        retry_after: Option<TimeDelta>,
    },
}

/// Sends what the outbox holds.
#[derive(Clone)]
pub struct Sender {
    state: State,
    hooks: Arc<BTreeMap<String, Hook>>,
    clock: SharedClock,
}

impl Sender {
    /// A sender for these hooks.
    #[must_use]
    pub fn new(state: State, hooks: Vec<Hook>, clock: SharedClock) -> Self {
        let hooks = hooks.into_iter().map(|hook| (hook.id.clone(), hook)).collect();
        Self { state, hooks: Arc::new(hooks), clock }
    }

    /// Ids of the configured hooks.
    #[must_use]
    pub fn hook_ids(&self) -> Vec<String> {
        self.hooks.keys().cloned().collect()
    }

    /// Sends until `stop`; failures of state are logged and tried again.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let sent = self.send_due().await.unwrap_or_else(|error| {
                tracing::error!(error = %error, "deliveries could not be kept");
                0
            });
            if sent == 0 {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
        }
    }

    /// Tries every message that is due once; returns how many were tried.
    ///
    /// # Errors
    /// `State`.
    pub async fn send_due(&self) -> Result<usize, Error> {
        let hold = TimeDelta::seconds(TRY_SECONDS as i64 + 10);
        let claimed = self.state.claim_deliveries(BATCH, hold).await?;
        let tries = join_all(claimed.iter().map(|outgoing| self.send(outgoing))).await;
        tries.into_iter().collect::<Result<Vec<()>, Error>>()?;
        Ok(claimed.len())
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<(), Error> {
        let tried = match self.hooks.get(&outgoing.hook) {
            Some(hook) => attempt(hook, outgoing, self.clock.now().timestamp()).await,
            None => Tried::Failed { result: "hook not configured".into(), retry_after: None },
        };
        let attempts = outgoing.attempts + 1;
        let (outcome, result) = match tried {
            Tried::Delivered(status) => (Outcome::Delivered, status.as_u16().to_string()),
            Tried::Gone(status) => (Outcome::Dead, status.as_u16().to_string()),
            Tried::Failed { result, retry_after } => {
                let next = next_attempt(&outgoing.id, attempts, self.clock.now(), retry_after);
                (next.map_or(Outcome::Dead, Outcome::Retry), result)
            }
        };
        tracing::info!(message = %outgoing.id, hook = %outgoing.hook, attempts, result, "webhook try");
        self.state.finish_delivery(&outgoing.id, &outcome, &result).await?;
        Ok(())
    }
}

async fn attempt(hook: &Hook, outgoing: &Outgoing, timestamp: i64) -> Tried {
    let failed = |result: &str| Tried::Failed { result: result.into(), retry_after: None };
    let Some(address) = resolve(hook).await else { return failed("address refused") };
    let Ok(signature) = hook.signer.sign(&outgoing.id, timestamp, outgoing.body.as_bytes()) else {
        return failed("not signed");
    };
    // Redirects are never followed, and the checked address is the one dialled.
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(TRY_SECONDS))
        .resolve(hook.url.host_str().unwrap_or_default(), address)
        .build();
    let Ok(client) = client else { return failed("client") };
    let sent = client
        .post(hook.url.clone())
        .header("content-type", "application/json")
        .header("webhook-id", &outgoing.id)
        .header("webhook-timestamp", timestamp.to_string())
        .header("webhook-signature", signature)
        .body(outgoing.body.clone())
        .send()
        .await;
    match sent {
        Ok(response) => judge(response.status(), response.headers()),
        Err(error) if error.is_timeout() => failed("timeout"),
        Err(error) if error.is_connect() => failed("connection failed"),
        Err(_) => failed("request failed"),
    }
}

fn judge(status: StatusCode, headers: &reqwest::header::HeaderMap) -> Tried {
    if status.is_success() {
        return Tried::Delivered(status);
    }
    if status == StatusCode::GONE {
        return Tried::Gone(status);
    }
    let retry_after = headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse::<i64>().ok())
        .filter(|seconds| (0..=86_400).contains(seconds))
        .map(TimeDelta::seconds);
    Tried::Failed { result: status.as_u16().to_string(), retry_after }
}

/// The address to dial: every resolved address must be allowed, otherwise none is.
async fn resolve(hook: &Hook) -> Option<SocketAddr> {
    let host = hook.url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let port = hook.url.port_or_known_default()?;
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.ok()?.collect();
    let allowed = hook.allow_private || found.iter().all(|address| is_public(address.ip()));
    found.first().copied().filter(|_| allowed)
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
