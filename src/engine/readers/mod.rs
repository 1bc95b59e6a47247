//! Readers: what boards, lists and patient pages ask, answered in a few statements each.
//!
//! Owns the templates of those statements and the decoding of their answers. Everything is read
//! through [`Source`], which already is one principal on one snapshot: no reader can see other
//! rows or other data than its session. Must not know HTTP, GraphQL, Delta or policy rules.

pub mod alerts;
mod allocation;
mod attribution;
mod board;
pub mod catalogue;
mod cost;
mod cross_line;
mod cursor;
pub(crate) mod decode;
pub mod definitions;
pub mod formula;
mod freshness;
mod funnel;
mod identity;
#[cfg(test)]
mod marts;
pub mod metrics;
mod org;
mod patient;
mod profit;
mod recall;
mod retention;
mod segment;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use hub_domain::snapshot::{Freshness, Snapshot};
use hub_domain::{Error, Principal};

pub use definitions::Definitions;

/// What readers need of a session.
#[async_trait]
pub trait Source: Send + Sync {
    /// Runs one templated statement under the session's policy; answers may come from the cache.
    ///
    /// # Errors
    /// `Limit` when the statement met one, `Internal` otherwise.
    async fn fetch(&self, sql: &str, params: Vec<ScalarValue>) -> Result<Vec<RecordBatch>, Error>;

    /// The snapshot read from.
    fn snapshot(&self) -> &Snapshot;

    /// Who asks.
    fn principal(&self) -> &Principal;

    /// What metrics, funnels, boards and rules are.
    fn definitions(&self) -> &Definitions;

    /// The keyed pseudonym of an identifier; none when nothing is left of it.
    fn pseudonym(&self, identifier: &str) -> Option<String>;

    /// How fresh answers are that stay within the snapshot's days.
    fn freshness(&self) -> Freshness {
        let snapshot = self.snapshot();
        Freshness {
            snapshot_id: snapshot.id,
            data_through: snapshot.business_date,
            published_at: snapshot.published_at,
            provisional: false,
        }
    }
}
