//! Serving: routes of all rooms on one listener, background work beside it, an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hub_api::{ApiState, Limits, Web};
use hub_wire::WireState;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::App;
use super::alerts::{LiveAlerts, PastRuns};
use super::annotations::{KeptDecisions, KeptTags};
use super::metrics::{self, Metrics};
use super::{schedule, watch};

/// Time open requests have to finish after the signal.
const DRAIN: Duration = Duration::from_secs(20);

impl App {
    /// All routes: GraphQL, SQL over HTTP, health.
    pub fn router(&self, shutdown: CancellationToken) -> Router {
        let auth = Arc::new(self.state.clone());
        let api = hub_api::router(ApiState {
            warehouse: Arc::new(self.engine.clone()),
            alerts: Arc::new(LiveAlerts {
                state: self.state.clone(),
                rules: self.engine.registry().alerts.clone(),
                events: self.events.clone(),
            }),
            runs: Arc::new(PastRuns(self.state.clone())),
            decisions: Arc::new(KeptDecisions(self.state.clone())),
            tags: Arc::new(KeptTags(self.state.clone())),
            auth: auth.clone(),
            access: auth.clone(),
            limits: Limits::default(),
            web: Web { shutdown, ..Web::default() },
        });
        let wire = hub_wire::router(WireState {
            engine: self.engine.clone(),
            auth: auth.clone(),
            access: auth,
        });
        api.merge(wire)
    }

    /// Serves on `listen` until `stop`; calls `ready` with the address once requests are taken.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(
        &self,
        listen: &str,
        stop: CancellationToken,
        ready: impl FnOnce(SocketAddr),
    ) -> anyhow::Result<()> {
        let listener = bound(listen).await?;
        let tasks = TaskTracker::new();
        let (sender, sending) = (self.sender.clone(), stop.clone());
        tasks.spawn(async move { sender.run(sending).await });
        tasks.spawn(watch::run(self.clone(), stop.clone()));
        let (app, ending) = (self.clone(), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = schedule::run(app, ending).await {
                tracing::error!(%error, "there is no schedule");
            }
        });
        tasks.close();
        ready(listener.local_addr()?);
        let metrics = Metrics::new(self.clone());
        if let Some(section) = &self.config.server.metrics {
            let listener = bound(&section.listen).await?;
            let (router, stop) = (metrics::private(Arc::clone(&metrics)), stop.clone());
            tasks.spawn(async move {
                let stopped = async move { stop.cancelled().await };
                if let Err(error) =
                    axum::serve(listener, router).with_graceful_shutdown(stopped).await
                {
                    tracing::error!(%error, "metrics are served no more");
                }
            });
        }
        let router = self
            .router(stop.clone())
            .merge(metrics::public(Arc::clone(&metrics)))
            .layer(axum::middleware::from_fn_with_state(metrics, metrics::counted));
        let drained = stop.clone();
        let server = axum::serve(listener, router)
            .with_graceful_shutdown(async move { drained.cancelled().await });
        tokio::select! {
            served = server.into_future() => served.context("the server failed")?,
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => {
                tracing::warn!("requests were still open after {} s", DRAIN.as_secs());
            }
        }
        let _ = tokio::time::timeout(DRAIN, tasks.wait()).await;
        Ok(())
    }
}

async fn bound(listen: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(listen).await;
    bound.with_context(|| format!("cannot listen on `{listen}`"))
}
