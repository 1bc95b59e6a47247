//! What becomes of a start that is due: it runs once, by one node, on time or made up for.
//!
//! Pure of machines: clock, sleep, marks, lease and the night itself are a [`Desk`]'s.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use hub_domain::run::Interval;
use hub_state::schedule::Mark;

use super::wall::Schedule;
use crate::config::Missed;

/// Between two looks at a lease that another node holds.
const LOOK: Duration = Duration::from_secs(2);
/// Before trying again after something failed.
const PAUSE: Duration = Duration::from_secs(30);
/// A mark this far ahead was made by a clock that was wrong.
const AHEAD: TimeDelta = TimeDelta::hours(25);

/// When the nightly runs, and what a missed start becomes.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) schedule: Schedule,
    pub(super) missed: Missed,
    pub(super) grace: TimeDelta,
    /// When this process began to watch: starts before it were missed.
    pub(super) up_since: DateTime<Utc>,
}

/// A night to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// When it was due.
    pub(super) due: DateTime<Utc>,
    /// Business days it makes up for; its last day is the night's date.
    pub(super) interval: Interval,
}

/// How a night ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Published,
    /// Refused or failed: the next night makes up for it.
    NotPublished,
    /// Another node took over; the start is its own now.
    Lost,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing until then.
    Wait(DateTime<Utc>),
    Run(Start),
    /// Starts up to then were missed and are not made up for.
    Pass(DateTime<Utc>),
    /// The expression names no time any more.
    Never,
}

/// Where the schedule is kept and the night is run.
#[async_trait]
pub(super) trait Desk: Send + Sync {
    /// The lease, held.
    type Hold: Send + Sync;

    fn now(&self) -> DateTime<Utc>;
    /// Sleeps for `time` or less; false when there is no more to do.
    async fn sleep(&self, time: Duration) -> bool;
    async fn mark(&self) -> anyhow::Result<Option<Mark>>;
    async fn set_mark(&self, mark: Mark) -> anyhow::Result<()>;
    /// None while another node holds the lease.
    async fn hold(&self) -> anyhow::Result<Option<Self::Hold>>;
    async fn release(&self, hold: Self::Hold);
    async fn night(&self, hold: &Self::Hold, start: &Start) -> anyhow::Result<Ended>;
}

/// Keeps to `plan` until the desk wants no more.
pub(super) async fn go<D: Desk>(plan: &Plan, desk: &D) {
    loop {
        let time = match round(plan, desk).await {
            Ok(Some(time)) => time,
            Ok(None) => return tracing::warn!("`nightly.cron` names no time any more"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the schedule could not be kept; it is tried again");
                PAUSE
            }
        };
        if !desk.sleep(time).await {
            return;
        }
    }
}

/// One look at the clock; how long to sleep after it, none for ever.
async fn round<D: Desk>(plan: &Plan, desk: &D) -> anyhow::Result<Option<Duration>> {
    let now = desk.now();
    let mark = match desk.mark().await? {
        Some(mark) if mark.due <= now + AHEAD => mark,
        other => {
            if other.is_some() {
                tracing::warn!("the schedule's mark lies in the future; it starts anew");
            }
            let mark = Mark { due: now, through: plan.schedule.day(now) };
            desk.set_mark(mark).await?;
            mark
        }
    };
    let start = match plan.step(mark, now) {
        Step::Never => return Ok(None),
        Step::Wait(until) => return Ok(Some((until - now).to_std().unwrap_or_default())),
        Step::Run(start) => start,
        Step::Pass(until) => {
            tracing::warn!(%until, "nightly starts were missed; they are passed over");
            desk.set_mark(Mark { due: until, ..mark }).await?;
            return Ok(Some(Duration::ZERO));
        }
    };
    let Some(hold) = desk.hold().await? else {
        tracing::info!(due = %start.due, "another run holds the lease; this one waits");
        return Ok(Some(LOOK));
    };
    let done = held(plan, desk, &hold, &start).await;
    desk.release(hold).await;
    done.map(Some)
}

/// Runs `start` under the lease, unless another node did so before the lease was free.
async fn held<D: Desk>(
    plan: &Plan,
    desk: &D,
    hold: &D::Hold,
    start: &Start,
) -> anyhow::Result<Duration> {
    let mark = desk.mark().await?;
    if mark.is_some_and(|mark| mark.due >= start.due) {
        return Ok(Duration::ZERO);
    }
    let late = desk.now() - start.due;
    if start.due < plan.up_since {
        tracing::info!(due = %start.due, minutes = late.num_minutes(), "a missed start is made up");
    }
    let through = match desk.night(hold, start).await? {
        Ended::Lost => return Ok(LOOK),
        Ended::Published => start.interval.to,
        Ended::NotPublished => start.interval.from,
    };
    desk.set_mark(Mark { due: start.due, through }).await?;
    Ok(Duration::ZERO)
}

impl Plan {
    fn step(&self, mark: Mark, now: DateTime<Utc>) -> Step {
        let Some(first) = self.schedule.next(mark.due) else { return Step::Never };
        if first.at > now {
            return Step::Wait(first.at);
        }
        // Only the newest start counts, and only within the grace: older ones need no counting.
        let from = mark.due.max(now - self.grace - TimeDelta::seconds(1));
        let starts =
            std::iter::successors(self.schedule.next(from), |due| self.schedule.next(due.at));
        let Some(newest) = starts.take_while(|due| due.at <= now).last() else {
            return Step::Pass(from);
        };
        let was_missed = newest.at < self.up_since;
        if now - newest.at > self.grace || (was_missed && self.missed == Missed::Skip) {
            return Step::Pass(newest.at);
        }
        let day = Interval::day(newest.day.pred_opt().unwrap_or(newest.day));
        // Several starts of one day are all about the day before.
        let interval = Interval { from: mark.through.min(day.from), ..day };
        Step::Run(Start { due: newest.at, interval })
    }
}

#[cfg(test)]
mod tests;
