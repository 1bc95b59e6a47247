//! What a hook is told. Thin on purpose: rule, subject, period, value, threshold; never a person.

use hub_domain::alert::{AlertEvent, AlertState};
use hub_state::alerts::Message;
use serde_json::json;

/// Standard Webhooks 1.0 payload: `{type, timestamp, data}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardMessage;

impl Message for StandardMessage {
    fn body(&self, event: &AlertEvent) -> String {
        let alert = &event.alert;
        let (kind, at) = match event.state {
            AlertState::Firing => ("alert.firing", alert.fired_at),
            AlertState::Resolved => ("alert.resolved", alert.resolved_at.unwrap_or(alert.fired_at)),
        };
        json!({
            "type": kind,
            "timestamp": at.to_rfc3339(),
            "data": {
                "alertId": alert.id,
                "rule": alert.rule,
                "severity": alert.severity,
                "subject": alert.subject,
                "siteId": alert.site_id,
                "period": alert.period,
                "value": alert.value.map(|value| value.normalize().to_string()),
                "threshold": alert.threshold.normalize().to_string(),
                "snapshotId": alert.snapshot_id,
                "firedAt": alert.fired_at.to_rfc3339(),
                "resolvedAt": alert.resolved_at.map(|at| at.to_rfc3339()),
            },
        })
        .to_string()
    }
}
