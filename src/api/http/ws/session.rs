//! One socket: handshake, then subscriptions until either side ends.
//!
//! Everything of a socket runs in one task. What is sent is sent before the next event is taken,
//! so a slow reader holds back its own subscriptions and nobody's memory.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError};
use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use hub_domain::{Error, Principal};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_stream::StreamMap;

use super::super::answer::{self, Refusal};
use super::super::envelope::Envelope;
use super::super::{App, auth, operation};
use super::protocol::{Close, Said, Say};

/// Longest id of a subscription, in bytes.
const MAX_ID: usize = 128;

/// `Break` ends the socket, with a close frame when the other side still listens.
type Step<T = ()> = ControlFlow<Option<Close>, T>;

/// What a running subscription brings.
enum Event {
    /// An answer.
    Answer(Box<Response>),
    /// The subscription broke inside.
    Panicked,
    /// Nothing more will come.
    Ended,
}

/// Serves one socket until it closes.
pub(super) async fn run(app: &Arc<App>, socket: WebSocket) {
    let mut session = Session {
        app: Arc::clone(app),
        socket,
        streams: StreamMap::new(),
        window: Instant::now(),
        messages: 0,
        heard: Instant::now(),
    };
    let ended = session.live().await;
    if let ControlFlow::Break(Some(close)) = ended {
        tracing::info!(code = close.code, reason = close.reason, "socket closed");
        let farewell = session.socket.send(close.frame());
        // The other side may be gone already; then nobody is left to be told.
        let _told = timeout(app.state.limits.send, farewell).await;
    }
}

struct Session {
    app: Arc<App>,
    socket: WebSocket,
    streams: StreamMap<String, BoxStream<'static, Event>>,
    /// Start of the second in which `messages` are counted.
    window: Instant,
    messages: u32,
    /// When the other side last gave a sign of life.
    heard: Instant,
}

impl Session {
    async fn live(&mut self) -> Step {
        let patience = self.app.state.limits.init;
        let (key, principal) = match timeout(patience, self.handshake()).await {
            Ok(step) => step?,
            Err(_elapsed) => return ControlFlow::Break(Some(Close::init_timeout())),
        };
        self.serve(&key, &principal).await
    }

    /// Waits for `connection_init` and its key.
    async fn handshake(&mut self) -> Step<(String, Principal)> {
        let shutdown = self.app.state.web.shutdown.clone();
        loop {
            let message = tokio::select! {
                () = shutdown.cancelled() => {
                    return ControlFlow::Break(Some(Close::going_away()));
                }
                message = self.socket.recv() => message,
            };
            match self.read(message)? {
                Some(Said::ConnectionInit { payload }) => {
                    let header = payload
                        .as_ref()
                        .and_then(|payload| payload.get("authorization"))
                        .and_then(|header| header.as_str());
                    let Some(key) = header.and_then(auth::bearer).map(str::to_owned) else {
                        return ControlFlow::Break(Some(Close::unauthorized()));
                    };
                    let principal = self.authenticate(&key).await?;
                    self.say::<()>(&Say::ConnectionAck).await?;
                    return ControlFlow::Continue((key, principal));
                }
                Some(Said::Subscribe { .. }) => {
                    return ControlFlow::Break(Some(Close::unauthorized()));
                }
                Some(Said::Ping {}) => self.say::<()>(&Say::Pong).await?,
                Some(Said::Pong {} | Said::Complete { .. }) | None => {}
            }
        }
    }

    async fn authenticate(&mut self, key: &str) -> Step<Principal> {
        match self.app.state.auth.by_api_key(key).await {
            Ok(principal) => ControlFlow::Continue(principal),
            Err(Error::Internal(_)) => ControlFlow::Break(Some(Close::internal())),
            Err(_) => ControlFlow::Break(Some(Close::forbidden())),
        }
    }

    async fn serve(&mut self, key: &str, principal: &Principal) -> Step {
        let limits = self.app.state.limits.clone();
        let shutdown = self.app.state.web.shutdown.clone();
        let now = Instant::now();
        let mut keepalive = interval_at(now + limits.keepalive, limits.keepalive);
        let mut recheck = interval_at(now + limits.recheck, limits.recheck);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => {
                    return ControlFlow::Break(Some(Close::going_away()));
                }
                message = self.socket.recv() => {
                    if let Some(said) = self.read(message)? {
                        self.hear(said, principal).await?;
                    }
                }
                Some((id, event)) = self.streams.next(), if !self.streams.is_empty() => {
                    self.pass_on(&id, event).await?;
                }
                _ = keepalive.tick() => {
                    if self.heard.elapsed() > limits.keepalive * 2 {
                        return ControlFlow::Break(Some(Close::policy()));
                    }
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                _ = recheck.tick() => {
                    // A key that was revoked, or now means another scope, ends the socket.
                    if self.authenticate(key).await? != *principal {
                        return ControlFlow::Break(Some(Close::forbidden()));
                    }
                }
            }
        }
    }

    /// What a frame says; `None` for frames that say nothing to us.
    fn read(&mut self, message: Option<Result<Message, axum::Error>>) -> Step<Option<Said>> {
        let Some(message) = message else { return ControlFlow::Break(None) };
        let Ok(message) = message else {
            return ControlFlow::Break(Some(Close::protocol_error()));
        };
        self.heard = Instant::now();
        if self.heard.duration_since(self.window).as_secs() >= 1 {
            self.window = self.heard;
            self.messages = 0;
        }
        self.messages += 1;
        if self.messages > self.app.state.limits.messages_per_second {
            return ControlFlow::Break(Some(Close::policy()));
        }
        match message {
            Message::Text(text) if text.len() > self.app.state.limits.body_bytes => {
                ControlFlow::Break(Some(Close::too_big()))
            }
            Message::Text(text) => match serde_json::from_str(text.as_str()) {
                Ok(said) => ControlFlow::Continue(Some(said)),
                Err(_) => ControlFlow::Break(Some(Close::bad_message())),
            },
            Message::Binary(_) => ControlFlow::Break(Some(Close::bad_message())),
            Message::Close(_) => ControlFlow::Break(None),
            // The library below answers pings itself.
            Message::Ping(_) | Message::Pong(_) => ControlFlow::Continue(None),
        }
    }

    async fn hear(&mut self, said: Said, principal: &Principal) -> Step {
        match said {
            Said::ConnectionInit { .. } => ControlFlow::Break(Some(Close::too_many_inits())),
            Said::Ping {} => self.say::<()>(&Say::Pong).await,
            Said::Pong {} => ControlFlow::Continue(()),
            Said::Complete { id } => {
                self.streams.remove(&id);
                ControlFlow::Continue(())
            }
            Said::Subscribe { id, payload } => self.subscribe(id, payload, principal).await,
        }
    }

    async fn subscribe(&mut self, id: String, payload: Envelope, principal: &Principal) -> Step {
        if id.is_empty() || id.len() > MAX_ID {
            return ControlFlow::Break(Some(Close::bad_message()));
        }
        if self.streams.contains_key(&id) {
            return ControlFlow::Break(Some(Close::subscriber_exists()));
        }
        match self.start(payload, principal.clone()) {
            Ok(events) => {
                self.streams.insert(id, events);
                ControlFlow::Continue(())
            }
            Err(refusal) => {
                let error = refusal.into_error(&self.app.request_id());
                self.say::<()>(&Say::Error { id: &id, payload: &[error] }).await
            }
        }
    }

    fn start(
        &self,
        payload: Envelope,
        principal: Principal,
    ) -> Result<BoxStream<'static, Event>, Refusal> {
        if self.streams.len() >= self.app.state.limits.subscriptions {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TOO_MANY_SUBSCRIPTIONS",
                "too many subscriptions on one socket",
            ));
        }
        let operation = operation::prepare(&self.app, principal, payload)?;
        if operation.kind != OperationType::Subscription {
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "OPERATION_RESOLUTION_FAILURE",
                "only subscriptions are served here",
            )
            .hint("send queries and mutations to `POST /graphql`"));
        }
        let answers = self.app.schema.execute_stream(operation.request);
        let events = AssertUnwindSafe(answers).catch_unwind().map(|answer| match answer {
            Ok(response) => Event::Answer(Box::new(response)),
            Err(_payload) => Event::Panicked,
        });
        Ok(events.chain(stream::once(async { Event::Ended })).boxed())
    }

    /// Sends what a subscription brought.
    async fn pass_on(&mut self, id: &str, event: Event) -> Step {
        match event {
            Event::Answer(response) => {
                let settled = answer::settle(*response, &self.app.request_id());
                if settled.data.is_some() {
                    return self.say(&Say::Next { id, payload: settled.envelope() }).await;
                }
                self.fail(id, &settled.errors).await
            }
            Event::Panicked => {
                let request_id = self.app.request_id();
                let cause = Error::internal("a subscription panicked");
                let error = Refusal::internal(&cause, &request_id).into_error(&request_id);
                self.fail(id, &[error]).await
            }
            Event::Ended => {
                self.streams.remove(id);
                self.say::<()>(&Say::Complete { id }).await
            }
        }
    }

    /// Ends one subscription with errors; nothing follows under its id.
    async fn fail(&mut self, id: &str, errors: &[ServerError]) -> Step {
        self.streams.remove(id);
        self.say::<()>(&Say::Error { id, payload: errors }).await
    }

    async fn say<T: serde::Serialize>(&mut self, say: &Say<'_, T>) -> Step {
        match say.frame() {
            Some(frame) => self.send(frame).await,
            None => ControlFlow::Break(Some(Close::internal())),
        }
    }

    /// A reader that does not take a message in time is let go.
    async fn send(&mut self, message: Message) -> Step {
        match timeout(self.app.state.limits.send, self.socket.send(message)).await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) | Err(_) => ControlFlow::Break(None),
        }
    }
}
