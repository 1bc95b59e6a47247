//! What a serving process notices by itself: snapshots published and alerts changed by others.

use std::time::Duration;

use hub_domain::snapshot::Snapshot;
use hub_pipeline::nightly::Signals;
use tokio_util::sync::CancellationToken;

use super::App;

/// How often others are looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches until `stop`.
pub(super) async fn run(app: App, stop: CancellationToken) {
    let mut told = match app.state.last_alert_event().await {
        Ok(seq) => seq,
        Err(error) => return tracing::error!(%error, "alert changes cannot be followed"),
    };
    let mut judged = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        if let Err(error) = app.judge_newest(&mut judged).await {
            tracing::error!(%error, "the newest snapshot could not be judged");
        }
        match app.state.alert_events_after(told).await {
            Err(error) => tracing::error!(%error, "alert changes could not be read"),
            Ok(events) => {
                for (seq, event) in events {
                    told = seq;
                    // Nobody subscribed is fine: the alert is stored.
                    let _ = app.events.send(event);
                }
            }
        }
    }
}

impl App {
    /// Judges the newest snapshot if the night that published it died before it could.
    async fn judge_newest(&self, judged: &mut Option<u64>) -> anyhow::Result<()> {
        let newest = self.engine.refresh().await?;
        let Some(id) = newest.filter(|id| *judged != Some(*id)) else { return Ok(()) };
        let snapshot: Snapshot = self.lake.snapshot(id).await?;
        self.detector().detect(&snapshot).await.map_err(anyhow::Error::from_boxed)?;
        *judged = Some(id);
        Ok(())
    }
}
