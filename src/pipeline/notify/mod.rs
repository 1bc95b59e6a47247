//! Delivery of alert messages to hooks: Standard Webhooks, signed, retried, never to addresses
//! the deployment did not mean.
//!
//! Owns wording, signing, the retry schedule and the address guard. What is due and what came of
//! it lives in state; a message is stored in the same transaction as the alert that caused it.

pub mod guard;
pub mod message;
pub mod schedule;
pub mod sender;

pub use message::StandardMessage;
pub use sender::{Hook, Sender};

/// Why a message could not be handed over, as a class without addresses or bodies.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address does not parse, has no host, or uses another scheme than http(s).
    #[error("hook `{hook}` has an unusable address")]
    Address {
        /// Hook id.
        hook: String,
    },
    /// The signing secret is not `whsec_` and base64.
    #[error("hook `{hook}` has an unusable secret")]
    Secret {
        /// Hook id.
        hook: String,
        /// What the signer said.
        #[source]
        source: standardwebhooks::WebhookError,
    },
    /// The HTTP client could not be made.
    #[error("cannot prepare the HTTP client")]
    Client {
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// State could not be read or written.
    #[error("cannot keep deliveries")]
    State {
        /// What state said.
        #[source]
        source: hub_state::Error,
    },
}

impl From<hub_state::Error> for Error {
    fn from(source: hub_state::Error) -> Self {
        Self::State { source }
    }
}
