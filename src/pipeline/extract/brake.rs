//! What keeps reading from burdening a source: rows per second, and a switch that ends it.
//!
//! Knows batches and time; no source kind, no lake.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt;
use futures::future::{Either, select};
use hub_state::State;

use super::config::SourceLimits;
use super::error::{Cause, ExtractError};
use super::outlet::BatchStream;

/// How long a switch may be off before a stream of rows notices.
const LOOK: Duration = Duration::from_secs(1);

/// Says which sources are not to be read.
#[async_trait]
pub trait StopSwitch: Send + Sync {
    /// Why `source` is not to be read, possibly empty; none while it may be.
    ///
    /// # Errors
    /// What keeps the switch from being looked at.
    async fn stopped(&self, source: &str) -> Result<Option<String>, Cause>;
}

#[async_trait]
impl StopSwitch for State {
    async fn stopped(&self, source: &str) -> Result<Option<String>, Cause> {
        Ok(self.source_stop(source).await?.map(|stop| stop.reason))
    }
}

/// A switch that is never off.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysOn;

#[async_trait]
impl StopSwitch for AlwaysOn {
    async fn stopped(&self, _: &str) -> Result<Option<String>, Cause> {
        Ok(None)
    }
}

/// Time as the brake sees it.
#[async_trait]
trait Timer: Send + Sync {
    /// Time since the timer began.
    fn now(&self) -> Duration;

    async fn sleep(&self, time: Duration);
}

struct RealTimer(Instant);

#[async_trait]
impl Timer for RealTimer {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The brake of one source in one run; clones share its allowance of rows.
#[derive(Clone)]
pub struct Brake {
    source: String,
    rows_per_second: Option<u64>,
    /// When the rows taken so far are within the allowance.
    paid: Arc<Mutex<Duration>>,
    switch: Arc<dyn StopSwitch>,
    timer: Arc<dyn Timer>,
}

impl Brake {
    /// The brake of source `id`.
    #[must_use]
    pub fn new(id: &str, limits: &SourceLimits, switch: Arc<dyn StopSwitch>) -> Self {
        Self {
            source: id.to_owned(),
            rows_per_second: limits.rows_per_second,
            paid: Arc::default(),
            switch,
            timer: Arc::new(RealTimer(Instant::now())),
        }
    }

    /// Passes while the source may be read. A switch that cannot be looked at is not off.
    ///
    /// # Errors
    /// `Stopped`.
    pub(super) async fn look(&self) -> Result<(), ExtractError> {
        match self.switch.stopped(&self.source).await {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => {
                Err(ExtractError::Stopped { source_id: self.source.clone(), reason })
            }
            Err(cause) => {
                tracing::warn!(source = self.source, %cause, "the stop switch cannot be read");
                Ok(())
            }
        }
    }

    /// The same batches, not faster than the source allows; they end with `Stopped` when the
    /// source is stopped, at most a second later.
    pub(super) fn hold<'a>(&self, batches: BatchStream<'a>) -> BatchStream<'a> {
        let state = (batches, self.clone(), self.timer.now());
        futures::stream::try_unfold(state, |(mut batches, brake, mut looked)| async move {
            let Some(batch) = brake.next(&mut batches, &mut looked).await? else {
                return Ok(None);
            };
            brake.pay(batch.num_rows(), &mut looked).await?;
            Ok(Some((batch, (batches, brake, looked))))
        })
        .boxed()
    }

    /// The next batch; the switch is looked at before it and while it is waited for.
    async fn next(
        &self,
        batches: &mut BatchStream<'_>,
        looked: &mut Duration,
    ) -> Result<Option<RecordBatch>, ExtractError> {
        loop {
            if self.timer.now().saturating_sub(*looked) >= LOOK {
                self.look().await?;
                *looked = self.timer.now();
            }
            match select(batches.next(), self.timer.sleep(LOOK)).await {
                Either::Left((batch, _)) => return batch.transpose(),
                Either::Right(_) => {}
            }
        }
    }

    /// Waits until `rows` more are within the allowance.
    async fn pay(&self, rows: usize, looked: &mut Duration) -> Result<(), ExtractError> {
        let Some(rate) = self.rows_per_second else { return Ok(()) };
        let due = {
            let mut paid = self.paid.lock().expect("no holder of the allowance panics");
            *paid = after(*paid, self.timer.now(), rows as u64, rate);
            *paid
        };
        loop {
            let left = due.saturating_sub(self.timer.now());
            if left.is_zero() {
                return Ok(());
            }
            self.timer.sleep(left.min(LOOK)).await;
            self.look().await?;
            *looked = self.timer.now();
        }
    }
}

/// When `rows` are paid that are taken at `now`, after what was paid for up to `paid`. Time that
/// passed unused is not saved up: a source that was slow is not hurried afterwards.
fn after(paid: Duration, now: Duration, rows: u64, rate: u64) -> Duration {
    let nanos = u128::from(rows) * 1_000_000_000 / u128::from(rate.max(1));
    let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
    paid.max(now).saturating_add(cost)
}

#[cfg(test)]
mod tests;
