//! Changes of alerts, as they happen.

use async_graphql::{Context, Subscription};
use futures::{Stream, StreamExt};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::alert::{AlertEvent, AlertFilter};

#[derive(Default)]
pub(crate) struct AlertSubscription;

#[Subscription]
impl AlertSubscription {
    /// Changes of alerts the caller may see, from now on. What happened before is in `alerts`.
    async fn alert_events(
        &self,
        ctx: &Context<'_>,
        filter: Option<AlertFilter>,
    ) -> Result<impl Stream<Item = AlertEvent>> {
        let scope = ctx.scope();
        let filter = filter.map(Into::into).unwrap_or_default();
        let events = scope.state.alerts.events(&scope.principal, filter).await?;
        Ok(events.map(AlertEvent::from))
    }
}
