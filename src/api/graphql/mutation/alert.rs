//! Acknowledging alerts.

use async_graphql::{Context, ID, Object};
use hub_domain::Error;

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::model::alert::{Alert, AlertPayload, AlertPayloadStatus};

/// Longest note, in bytes.
const MAX_NOTE: usize = 2_000;

#[derive(Default)]
pub(crate) struct AlertMutation;

#[Object]
impl AlertMutation {
    /// Says that the caller has taken notice of an alert. Doing so again changes who did last.
    #[graphql(complexity = "50 + child_complexity")]
    async fn acknowledge_alert(
        &self,
        ctx: &Context<'_>,
        id: ID,
        note: Option<String>,
    ) -> Result<AlertPayload> {
        if note.as_ref().is_some_and(|note| note.len() > MAX_NOTE) {
            let message = format!("a note has at most {MAX_NOTE} bytes");
            return Ok(failed(AlertPayloadStatus::Rejected, message));
        }
        let scope = ctx.scope();
        let done = scope.state.alerts.acknowledge(&scope.principal, &id, note).await;
        match done {
            Ok(alert) => Ok(AlertPayload {
                status: AlertPayloadStatus::Acknowledged,
                alert: Some(Alert::from(alert)),
                message: None,
            }),
            // Not permitted answers as not there: whether an alert exists is itself data.
            Err(Error::NotFound { .. } | Error::Denied) => {
                Ok(failed(AlertPayloadStatus::NotFound, "no such alert".to_owned()))
            }
            Err(Error::BadInput { message, .. }) => {
                Ok(failed(AlertPayloadStatus::Rejected, message))
            }
            Err(Error::Conflict { message }) => Ok(failed(AlertPayloadStatus::Conflict, message)),
            Err(outage) => Err(outage.into()),
        }
    }
}

fn failed(status: AlertPayloadStatus, message: String) -> AlertPayload {
    AlertPayload { status, alert: None, message: Some(message) }
}
