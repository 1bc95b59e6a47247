//! Messages and close codes of `graphql-transport-ws`.

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::envelope::Envelope;

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Value>,
    },
    Ping {},
    Pong {},
    Subscribe {
        id: String,
        payload: Envelope,
    },
    Complete {
        id: String,
    },
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Say<'a, T: Serialize> {
    ConnectionAck,
    Pong,
    Next { id: &'a str, payload: T },
    Error { id: &'a str, payload: &'a [ServerError] },
    Complete { id: &'a str },
}

impl<T: Serialize> Say<'_, T> {
    /// The message as a frame; `None` when its payload cannot be written.
    pub(super) fn frame(&self) -> Option<Message> {
        serde_json::to_string(self).ok().map(|text| Message::Text(text.into()))
    }
}

/// Why a socket closes. Codes from 4400 are the subprotocol's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: String,
}

macro_rules! closes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $reason:literal;)*) => {
        impl Close {
            $($(#[$doc])* pub(super) fn $name() -> Self {
                Self { code: $code, reason: $reason.to_owned() }
            })*
        }
    };
}

closes! {
    /// The server shuts down.
    going_away = 1001 "going away";
    /// Frames that are none.
    protocol_error = 1002 "protocol error";
    /// Too many messages, or no sign of life.
    policy = 1008 "policy violation";
    /// A message past the limit.
    too_big = 1009 "message too big";
    /// A failure of ours.
    internal = 1011 "internal error";
    /// A message that is none of [`Said`].
    bad_message = 4400 "invalid message";
    /// Asked before `connection_init`, or without a key in it.
    unauthorized = 4401 "unauthorized";
    /// The key does not hold, or no longer.
    forbidden = 4403 "forbidden";
    /// No `connection_init` in time.
    init_timeout = 4408 "connection initialisation timeout";
    /// `connection_init` twice.
    too_many_inits = 4429 "too many initialisation requests";
}

impl Close {
    /// An id that is still in use.
    pub(super) fn subscriber_exists() -> Self {
        // The reason does not repeat the id: a close frame holds 123 bytes.
        Self { code: 4409, reason: "subscriber already exists".to_owned() }
    }

    /// The frame that says so.
    pub(super) fn frame(&self) -> Message {
        let reason = self.reason.as_str().into();
        Message::Close(Some(CloseFrame { code: self.code, reason }))
    }
}
