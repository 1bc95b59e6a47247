//! Lineage: what a night read and wrote, told as OpenLineage run events (specification 2-0-2).
//!
//! One job for the night, one per extracted source table, one per built table; the tables' runs
//! name the night's run as their parent. Events hold names, versions, counts and column types,
//! never a value of a row. Telling never fails a night: events are sent beside it, and a receiver
//! that does not answer is given up with a warning.

mod deliver;
mod event;
mod name;
mod night;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use night::Watched;

/// Longest time one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who is told.
#[derive(Clone)]
pub enum Receiver {
    /// Each event is posted as JSON.
    Http {
        /// Such as `https://marquez.example/api/v1/lineage`.
        url: Url,
        /// Sent as `authorization: Bearer …`.
        api_key: Option<String>,
    },
    /// Each event is appended as one line.
    File(PathBuf),
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told())
    }
}

impl Receiver {
    /// The receiver as messages may show it: no path of an address, no key.
    fn told(&self) -> String {
        match self {
            Self::Http { url, .. } => url.host_str().unwrap_or_default().to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Lineage of one deployment.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// Namespace of the jobs.
    namespace: String,
    receiver: Receiver,
    timeout: Duration,
}

impl Lineage {
    /// Tells `receiver` of jobs in `namespace`.
    #[must_use]
    pub fn new(namespace: impl Into<String>, receiver: Receiver) -> Self {
        Self { namespace: namespace.into(), receiver, timeout: TIMEOUT }
    }
}
