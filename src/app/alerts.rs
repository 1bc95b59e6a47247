//! The ports `Alerts` and `Runs`, over state, rules and the live events of this process.

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::ready;
use futures::stream::{BoxStream, unfold};
use hub_domain::Error;
use hub_domain::alert::{Alert, AlertEvent, AlertFilter, AlertRule};
use hub_domain::page::{Page, PageRequest};
use hub_domain::ports::{Alerts, Runs};
use hub_domain::principal::{Principal, SiteScope};
use hub_domain::run::Run;
use hub_state::State;
use hub_state::alerts::visible;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Alerts of this deployment.
pub(super) struct LiveAlerts {
    pub(super) state: State,
    pub(super) rules: Vec<AlertRule>,
    pub(super) events: broadcast::Sender<AlertEvent>,
}

#[async_trait]
impl Alerts for LiveAlerts {
    async fn alerts(
        &self,
        principal: &Principal,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, Error> {
        Ok(self.state.alerts_page(principal, filter, page).await?)
    }

    fn rules(&self) -> Vec<AlertRule> {
        self.rules.clone()
    }

    async fn acknowledge(
        &self,
        principal: &Principal,
        id: &str,
        note: Option<String>,
    ) -> Result<Alert, Error> {
        let found = self.state.acknowledge_alert(principal, id, note).await?;
        found.ok_or(Error::NotFound { what: "alert" })
    }

    async fn events(
        &self,
        principal: &Principal,
        filter: AlertFilter,
    ) -> Result<BoxStream<'static, AlertEvent>, Error> {
        let principal = principal.clone();
        let events = unfold(self.events.subscribe(), |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(event) => return Some((event, receiver)),
                    // The missed changes are in the list of alerts; go on with what comes.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        Ok(events
            .filter(move |event| {
                ready(visible(&principal, &event.alert) && matches(&filter, &event.alert))
            })
            .boxed())
    }
}

fn matches(filter: &AlertFilter, alert: &Alert) -> bool {
    filter.rule.as_ref().is_none_or(|rule| *rule == alert.rule)
        && filter.state.is_none_or(|state| state == alert.state)
        && filter.subject.as_ref().is_none_or(|subject| *subject == alert.subject)
}

/// Runs of this deployment.
pub(super) struct PastRuns(pub(super) State);

#[async_trait]
impl Runs for PastRuns {
    async fn runs(&self, principal: &Principal, page: &PageRequest) -> Result<Page<Run>, Error> {
        match principal.sites {
            SiteScope::All => Ok(self.0.runs_page(page).await?),
            SiteScope::Only(_) => Err(Error::Denied),
        }
    }
}
