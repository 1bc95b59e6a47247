//! The lease of writers: one at a time, and one that lost it stops before it writes.
//!
//! Owns renewal and the fence. Must not know who the holder is or what it writes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use hub_lake::{Fence, LakeError};
use hub_state::State;
use hub_state::lease::{Bid, Claim, Lease};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// Name of the lease every writer of the lake holds.
pub const NAME: &str = "nightly";

/// Why a lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds it.
    #[error(
        "LEASE_HELD: `{holder}` has held the lease `{NAME}` since {} and holds it until {} unless \
         it renews; nothing was done\n  hint: wait until it is done, or give `--wait`; the lease \
         of a holder that died is free at that time",
        told(.since),
        told(.until)
    )]
    Held {
        /// Who, without what tells its processes apart.
        holder: String,
        /// When it took the lease.
        since: DateTime<Utc>,
        /// When the lease ends unless it is renewed.
        until: DateTime<Utc>,
    },
    /// The state database cannot be used.
    #[error("the lease cannot be taken")]
    State(#[from] hub_state::Error),
}

fn told(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A lease, held and renewed until it is ended, lost or dropped.
pub struct Tenure {
    state: State,
    lease: Lease,
    lost: CancellationToken,
    renewal: AbortHandle,
}

impl std::fmt::Debug for Tenure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tenure").field(&self.lease).finish()
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Tenure {
    /// Takes the lease of `bid` once: it is free, expired, or held under token `dead` by a holder
    /// known to have ended. The lease that is in the way otherwise.
    ///
    /// # Errors
    /// The state database cannot be used.
    pub async fn take(
        state: &State,
        bid: &Bid,
        dead: Option<u64>,
    ) -> Result<Result<Arc<Self>, Lease>, hub_state::Error> {
        let lease = match state.take_lease(bid, dead).await? {
            Claim::Held(lease) => lease,
            Claim::Busy(other) => return Ok(Err(other)),
        };
        let lost = CancellationToken::new();
        let renewing = renew(state.clone(), lease.clone(), bid.ttl, lost.clone());
        let renewal = tokio::spawn(renewing).abort_handle();
        Ok(Ok(Arc::new(Self { state: state.clone(), lease, lost, renewal })))
    }

    /// What is held.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Comes back when somebody else took the lease.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives the lease back.
    pub async fn end(&self) {
        self.renewal.abort();
        if let Err(error) = self.state.release_lease(&self.lease).await {
            tracing::warn!(%error, "the lease was not given back; it ends by itself");
        }
    }
}

/// Renews thrice per term, so that one failure does no harm.
async fn renew(state: State, lease: Lease, ttl: TimeDelta, lost: CancellationToken) {
    let pause = (ttl / 3).to_std().unwrap_or(Duration::ZERO);
    loop {
        tokio::time::sleep(pause).await;
        match state.renew_lease(&lease, ttl).await {
            Ok(true) => {}
            Ok(false) => return lost.cancel(),
            // Others may take it now; until one does, the work goes on.
            Err(error) => tracing::warn!(%error, "the lease was not renewed"),
        }
    }
}

#[async_trait]
impl Fence for Tenure {
    fn token(&self) -> u64 {
        self.lease.token
    }

    async fn check(&self) -> Result<(), LakeError> {
        let token = self.lease.token;
        match self.state.lease(&self.lease.name).await {
            Ok(Some(now)) if now.token == token => Ok(()),
            // A database without the lease gave out no newer token that is known.
            Ok(now) => {
                self.lost.cancel();
                Err(LakeError::LeaseLost { token, newest: now.map_or(0, |now| now.token) })
            }
            Err(source) => Err(LakeError::FenceUnknown { token, source: source.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use hub_domain::clock::SystemClock;
    use hub_domain::snapshot::Snapshot;
    use hub_lake::Lake;

    use super::*;

    fn snapshot(id: u64, lake: &Lake) -> Snapshot {
        let at: DateTime<Utc> = "2026-10-15T00:00:00Z".parse().expect("an instant");
        Snapshot {
            id,
            business_date: at.date_naive(),
            published_at: at,
            run_id: format!("run {}", lake.lease_token()),
            tables: std::collections::BTreeMap::new(),
            definition_hash: String::new(),
            audits: Vec::new(),
            rollback_of: None,
            lease_token: lake.lease_token(),
        }
    }

    async fn take(state: &State, holder: &str, ttl: TimeDelta) -> Result<Arc<Tenure>, Lease> {
        let bid = Bid { name: NAME.into(), holder: holder.into(), ttl, above: 0 };
        Tenure::take(state, &bid, None).await.expect("asked")
    }

    #[tokio::test]
    async fn a_holder_that_lost_its_lease_cannot_publish() {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", dir.path().join("state.db").display());
        let state = State::open(&url, Arc::new(SystemClock)).await.expect("opened");
        let lake = format!("file://{}", dir.path().join("lake").display());
        let lake = Lake::open(&lake, &std::collections::BTreeMap::new()).expect("opened");

        let first = take(&state, "a", TimeDelta::milliseconds(300)).await.expect("free");
        let early = lake.fenced(first.clone());
        early.publish(&snapshot(1, &early)).await.expect("published");
        assert!(take(&state, "b", TimeDelta::seconds(9)).await.is_err(), "two holders");
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(take(&state, "b", TimeDelta::seconds(9)).await.is_err(), "it was renewed");

        // As if the process slept: nobody renews.
        first.renewal.abort();
        tokio::time::sleep(Duration::from_millis(400)).await;
        let second = take(&state, "b", TimeDelta::seconds(9)).await.expect("expired");
        let late = lake.fenced(second.clone());
        let refused = early.publish(&snapshot(2, &early)).await.expect_err("fenced");
        assert!(matches!(refused, LakeError::LeaseLost { token: 1, newest: 2 }), "{refused}");
        tokio::time::timeout(Duration::from_secs(1), first.lost()).await.expect("it knows");
        late.publish(&snapshot(2, &late)).await.expect("published");

        // Even one who cannot ask the state database sees the newer token in the lake.
        let blind = Snapshot { lease_token: 1, ..snapshot(3, &lake) };
        let refused = lake.publish(&blind).await.expect_err("older");
        assert!(matches!(refused, LakeError::LeaseLost { token: 1, newest: 2 }), "{refused}");
        second.end().await;
        assert!(take(&state, "c", TimeDelta::seconds(9)).await.is_ok(), "given back");
    }
}
