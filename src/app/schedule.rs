//! The nightly by the clock: when the next one is due, and that two never overlap.
//!
//! A local time that the zone skips runs at the first moment after the gap; one that repeats runs
//! once, at its first occurrence (both as `croner` defines them). A start missed while the
//! process was down is not made up: the next night reads from the old watermark.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use hub_pipeline::nightly::NightlyRequest;
use tokio_util::sync::CancellationToken;

use super::App;

/// How long a node keeps the right to run the nightly without renewing it.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Parses a five-field cron expression.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(cron: &str) -> anyhow::Result<Cron> {
    cron.parse().map_err(|error| anyhow::anyhow!("`nightly.cron`: `{cron}`: {error}"))
}

/// The first start after `now`.
fn next(schedule: &Cron, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let local = now.with_timezone(&zone);
    schedule.find_next_occurrence(&local, false).ok().map(|at| at.to_utc())
}

/// Runs nightlies until `stop`.
pub(super) async fn run(app: App, schedule: Cron, stop: CancellationToken) {
    let zone = app.engine.config().zone;
    while let Some(due) = next(&schedule, zone, app.clock.now()) {
        let wait = (due - app.clock.now()).to_std().unwrap_or_default();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        // The business day that ended before the start.
        let date = due.with_timezone(&zone).date_naive().pred_opt().unwrap_or_default();
        if let Err(error) = app.run_once(date).await {
            tracing::error!(%error, %date, "the scheduled nightly could not run");
        }
    }
}

impl App {
    /// Runs the nightly of `date` under the lease; does nothing while another node runs it.
    async fn run_once(&self, date: chrono::NaiveDate) -> anyhow::Result<()> {
        // A process id may repeat on another node: the holder is chance.
        let mut chance = [0_u8; 16];
        getrandom::fill(&mut chance).map_err(anyhow::Error::msg)?;
        let holder = hex::encode(chance);
        let Some(lease) = self.state.acquire_lease("nightly", &holder, LEASE).await? else {
            tracing::info!(%date, "another node runs the nightly");
            return Ok(());
        };
        let request = NightlyRequest {
            date,
            sources: Vec::new(),
            full: false,
            dry_run: false,
            accept_loss: false,
        };
        let nightly = self.nightly();
        let quiet = hub_pipeline::extract::Unwatched;
        let work = nightly.run(&request, &quiet);
        tokio::pin!(work);
        let run = loop {
            tokio::select! {
                run = &mut work => break run,
                () = tokio::time::sleep(std::time::Duration::from_secs(20)) => {
                    match self.state.acquire_lease("nightly", &holder, LEASE).await {
                        Ok(Some(_)) => {}
                        Ok(None) => anyhow::bail!("another node took the nightly over"),
                        // The next renewal is in time still; the night goes on.
                        Err(error) => tracing::warn!(%error, "the lease was not renewed"),
                    }
                }
            }
        };
        self.state.release_lease(&lease).await?;
        self.engine.refresh().await?;
        tracing::info!(%date, status = ?run.status, "scheduled nightly");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(from: &str, count: usize) -> Vec<String> {
        let schedule = parse("30 2 * * *").expect("cron");
        let zone: Tz = "America/New_York".parse().expect("zone");
        let mut now: DateTime<Utc> = from.parse().expect("an instant");
        let mut found = Vec::new();
        for _ in 0..count {
            now = next(&schedule, zone, now).expect("a start");
            found.push(now.to_rfc3339());
        }
        found
    }

    #[test]
    fn a_skipped_hour_still_has_its_night() {
        // On 2026-03-08 New York goes from 02:00 straight to 03:00 (07:00 UTC).
        assert_eq!(
            starts("2026-03-07T12:00:00Z", 2),
            ["2026-03-08T07:00:00+00:00", "2026-03-09T06:30:00+00:00"]
        );
    }

    #[test]
    fn a_repeated_hour_has_one_night() {
        // On 2026-11-01 the hour from 01:00 repeats; 02:30 comes once, and 01:30 must too.
        let schedule = parse("30 1 * * *").expect("cron");
        let zone: Tz = "America/New_York".parse().expect("zone");
        let start: DateTime<Utc> = "2026-10-31T12:00:00Z".parse().expect("an instant");
        let first = next(&schedule, zone, start).expect("a start");
        let second = next(&schedule, zone, first).expect("a start");
        assert_eq!(first.to_rfc3339(), "2026-11-01T05:30:00+00:00");
        assert_eq!(second.to_rfc3339(), "2026-11-02T06:30:00+00:00");
    }
}
