//! What the nightly needs of others: a place for run records, and what follows publication.

use std::collections::HashSet;

use async_trait::async_trait;
use hub_domain::annotation::Annotations;
use hub_domain::run::Run;
use hub_domain::snapshot::Snapshot;
use hub_state::State;

/// Boxed cause of a failure outside the pipeline.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Keeps run records.
#[async_trait]
pub trait RunLog: Send + Sync {
    /// Stores `run`, replacing what was stored of it before.
    async fn save(&self, run: &Run) -> Result<(), Cause>;

    /// Keyed hashes of rows that must not come back after an erasure.
    async fn suppressed(&self) -> Result<HashSet<String>, Cause>;

    /// Adds such hashes, all or none of them.
    async fn suppress(&self, digests: &[String]) -> Result<(), Cause>;

    /// Takes hashes of rows away that belong to somebody else by now.
    async fn release(&self, digests: &[String]) -> Result<(), Cause>;

    /// What people wrote about source records.
    async fn annotations(&self) -> Result<Annotations, Cause>;

    /// Forgets what was written about any of `records`.
    async fn forget_annotations(&self, records: &[String]) -> Result<(), Cause>;
}

#[async_trait]
impl RunLog for State {
    async fn save(&self, run: &Run) -> Result<(), Cause> {
        Ok(self.save_run(run).await?)
    }

    async fn suppressed(&self) -> Result<HashSet<String>, Cause> {
        Ok(State::suppressed(self).await?)
    }

    async fn suppress(&self, digests: &[String]) -> Result<(), Cause> {
        Ok(State::suppress(self, digests).await?)
    }

    async fn release(&self, digests: &[String]) -> Result<(), Cause> {
        Ok(State::release(self, digests).await?)
    }

    async fn annotations(&self) -> Result<Annotations, Cause> {
        Ok(State::annotations(self).await?)
    }

    async fn forget_annotations(&self, records: &[String]) -> Result<(), Cause> {
        Ok(State::forget_annotations(self, records).await?)
    }
}

/// Detection and delivery, once per newly published snapshot.
#[async_trait]
pub trait Signals: Send + Sync {
    /// Judges `snapshot` and stores alerts with their messages; does nothing when this snapshot
    /// was judged before. Returns the alerts that changed.
    async fn detect(&self, snapshot: &Snapshot) -> Result<u64, Cause>;

    /// Delivers messages that are due. Returns how many were accepted.
    async fn notify(&self) -> Result<u64, Cause>;
}
