//! One writer of the lake at a time: whoever writes takes the lease first and writes through a
//! lake that is fenced by it.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hub_domain::run::RunStatus;
use hub_pipeline::lease::{self, LeaseError, Tenure};
use hub_state::lease::{Bid, Lease};

use super::App;
use super::holder::Holder;

/// What is kept of a run whose process ended before it could say how.
const ABANDONED: &str = "ABANDONED: the process ended before the run did\n  hint: run it again";
/// Between two looks at a lease that somebody else holds.
const LOOK: Duration = Duration::from_millis(500);

impl App {
    /// Runs `work` as the only writer of this deployment; the [`App`] it is given writes under
    /// the lease. `purpose` is what others are told meanwhile: `nightly`, `backfill`. With
    /// `wait`, waits until the lease is free.
    ///
    /// # Errors
    /// [`LeaseError`] when the lease was not to be had; otherwise those of `work`.
    pub async fn as_writer<T, F, Work>(
        &self,
        purpose: &str,
        wait: bool,
        work: F,
    ) -> anyhow::Result<T>
    where
        F: FnOnce(Self) -> Work,
        Work: Future<Output = anyhow::Result<T>>,
    {
        let tenure = loop {
            match self.try_write(purpose).await? {
                Ok(tenure) => break tenure,
                Err(_) if wait => tokio::time::sleep(LOOK).await,
                Err(Lease { holder, since, until, .. }) => {
                    let holder = Holder::told(&holder);
                    return Err(LeaseError::Held { holder, since, until }.into());
                }
            }
        };
        let result = match self.close_abandoned(&tenure).await {
            Ok(()) => work(self.under(&tenure)).await,
            Err(error) => Err(error),
        };
        tenure.end().await;
        result
    }

    /// Records the end of runs whose process could not: under a newer lease they cannot publish
    /// any more.
    ///
    /// # Errors
    /// State or lake cannot be used.
    pub(super) async fn close_abandoned(&self, tenure: &Tenure) -> anyhow::Result<()> {
        let published = self.lake.latest().await?;
        for mut run in self.state.open_runs().await? {
            if run.lease_token.is_some_and(|token| token >= tenure.lease().token) {
                continue;
            }
            let it_published = published.as_ref().filter(|snapshot| snapshot.run_id == run.id);
            run.snapshot_id = run.snapshot_id.or_else(|| it_published.map(|snapshot| snapshot.id));
            run.status = match run.snapshot_id {
                Some(_) => RunStatus::Published,
                None => RunStatus::Failed,
            };
            run.error = Some(ABANDONED.to_owned());
            run.finished_at = Some(self.clock.now());
            self.state.save_run(&run).await?;
        }
        Ok(())
    }

    /// Takes the lease once; the lease that is in the way otherwise.
    ///
    /// # Errors
    /// State or lake cannot be read.
    pub(super) async fn try_write(
        &self,
        purpose: &str,
    ) -> anyhow::Result<Result<Arc<Tenure>, Lease>> {
        let mut chance = [0_u8; 8];
        getrandom::fill(&mut chance).map_err(anyhow::Error::msg)?;
        let ttl = i64::try_from(self.config.nightly.lease.seconds()).unwrap_or(i64::MAX);
        let bid = Bid {
            name: lease::NAME.to_owned(),
            holder: Holder::here(purpose, chance).to_string(),
            ttl: TimeDelta::try_seconds(ttl).unwrap_or(TimeDelta::MAX),
            // A lake may outlive its state database, and its tokens with it.
            above: self.lake.latest().await?.map_or(0, |latest| latest.lease_token),
        };
        let taken = match Tenure::take(&self.state, &bid, None).await? {
            Err(other) if Holder::has_ended(&other.holder) => {
                let holder = Holder::told(&other.holder);
                tracing::info!(holder, "the holder of the lease died; it is taken over");
                Tenure::take(&self.state, &bid, Some(other.token)).await?
            }
            taken => taken,
        };
        Ok(taken)
    }

    /// This deployment, writing under `tenure`.
    pub(super) fn under(&self, tenure: &Arc<Tenure>) -> Self {
        let lake = self.lake.fenced(Arc::clone(tenure) as _);
        Self { lake, tenure: Some(Arc::clone(tenure)), ..self.clone() }
    }
}
