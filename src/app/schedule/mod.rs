//! The nightly by the clock of the clinics: which start is due, and that each runs once.
//!
//! [`wall`] says when a schedule is due, [`rounds`] what becomes of a due, late or missed start;
//! here both meet the deployment. How far the schedule has come is kept in `state` and moves
//! only under the lease, so that neither a restart nor a second node repeats a start.

mod rounds;
mod wall;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use hub_domain::run::RunStatus;
use hub_pipeline::extract::Unwatched;
use hub_pipeline::lease::Tenure;
use hub_pipeline::nightly::NightlyRequest;
use hub_state::schedule::Mark;
use tokio_util::sync::CancellationToken;

use super::App;
use rounds::{Desk, Ended, Plan, Start};
use wall::Schedule;

/// Name of the mark in `state`.
const NAME: &str = "nightly";
/// Longest sleep: a clock that is set, or a machine that was suspended, is noticed after it.
const NAP: Duration = Duration::from_secs(30);

/// Runs nightlies by the schedule until `stop`; at once over where there is none.
///
/// # Errors
/// The cron expression cannot be read.
pub(super) async fn run(app: App, stop: CancellationToken) -> anyhow::Result<()> {
    let config = &app.config.nightly;
    let Some(cron) = &config.cron else { return Ok(()) };
    let grace = i64::try_from(config.grace.seconds()).unwrap_or(i64::MAX);
    let plan = Plan {
        schedule: Schedule::parse(cron, app.engine.config().zone)?,
        missed: config.missed,
        grace: TimeDelta::try_seconds(grace).unwrap_or(TimeDelta::MAX),
        up_since: app.clock.now(),
    };
    rounds::go(&plan, &Office { app, stop }).await;
    Ok(())
}

/// The desk of a serving process.
struct Office {
    app: App,
    stop: CancellationToken,
}

#[async_trait]
impl Desk for Office {
    type Hold = Arc<Tenure>;

    fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time.min(NAP)) => true,
        }
    }

    async fn mark(&self) -> anyhow::Result<Option<Mark>> {
        Ok(self.app.state.schedule_mark(NAME).await?)
    }

    async fn set_mark(&self, mark: Mark) -> anyhow::Result<()> {
        Ok(self.app.state.mark_schedule(NAME, mark).await?)
    }

    async fn hold(&self) -> anyhow::Result<Option<Arc<Tenure>>> {
        Ok(self.app.try_write("nightly").await?.ok())
    }

    async fn release(&self, hold: Arc<Tenure>) {
        hold.end().await;
    }

    async fn night(&self, hold: &Arc<Tenure>, start: &Start) -> anyhow::Result<Ended> {
        self.app.close_abandoned(hold).await?;
        let date = start.interval.last_day();
        let request = NightlyRequest { interval: start.interval, ..NightlyRequest::of(date) };
        let run = self.app.under(hold).nightly().run(&request, &Unwatched).await;
        if let Err(error) = self.app.engine.refresh().await {
            // Readers follow the newest snapshot by themselves; the night is over all the same.
            tracing::warn!(%error, "the newest snapshot is not served yet");
        }
        tracing::info!(%date, run = %run.id, status = ?run.status, "scheduled nightly");
        Ok(match run.status {
            RunStatus::Published => Ended::Published,
            _ if run.error.is_some_and(|error| error.starts_with("LEASE_LOST")) => Ended::Lost,
            _ => Ended::NotPublished,
        })
    }
}
