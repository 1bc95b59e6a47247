//! Alerts, their rules, and what acknowledging one answers.

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, SimpleObject, Union};
use hub_domain::alert as domain;

use crate::graphql::context::ContextExt;
use crate::graphql::model::metrics::Operator;
use crate::graphql::scalars::{DateTime, Decimal};

/// How urgent.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::alert::Severity")]
pub(crate) enum Severity {
    /// For the record.
    Info,
    /// Someone should look this week.
    Warning,
    /// Someone should look now.
    Critical,
}

/// State of an alert.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::alert::AlertState")]
pub(crate) enum AlertState {
    /// The condition holds on the newest data.
    Firing,
    /// It held, and no longer does.
    Resolved,
}

/// Filter of alerts. All given conditions must hold.
#[derive(InputObject)]
pub(crate) struct AlertFilter {
    /// Rule id.
    rule: Option<ID>,
    /// State.
    state: Option<AlertState>,
    /// Subject such as `site:SH01`.
    subject: Option<String>,
}

impl From<AlertFilter> for domain::AlertFilter {
    fn from(filter: AlertFilter) -> Self {
        Self {
            rule: filter.rule.map(|id| id.0),
            state: filter.state.map(Into::into),
            subject: filter.subject,
        }
    }
}

/// One alert: a rule, a subject and a period.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Alert {
    /// Stable id.
    id: ID,
    /// Rule id.
    rule: ID,
    /// `<dimension>:<value>`, such as `site:SH01`.
    subject: String,
    /// Label of the subject for people.
    subject_label: Option<String>,
    /// Site (org code) the subject belongs to.
    site_id: Option<ID>,
    /// Judged period, `YYYY-MM` or a day.
    period: String,
    /// Severity of the rule when it fired.
    severity: Severity,
    /// State now.
    state: AlertState,
    /// Last observed value.
    value: Option<Decimal>,
    /// Threshold it was compared with.
    threshold: Decimal,
    /// When it first fired.
    fired_at: DateTime,
    /// When it resolved.
    resolved_at: Option<DateTime>,
    /// Snapshot of the last change.
    snapshot_id: ID,
    /// Who acknowledged it.
    acknowledged_by: Option<String>,
    /// When.
    acknowledged_at: Option<DateTime>,
    /// Note of the acknowledgement.
    note: Option<String>,
}

#[ComplexObject]
impl Alert {
    /// The rule that fired; null when it is no longer defined.
    async fn definition(&self, ctx: &Context<'_>) -> Option<AlertRule> {
        let rules = ctx.scope().state.alerts.rules();
        rules.into_iter().find(|rule| rule.id == *self.rule).map(AlertRule::from)
    }
}

impl From<domain::Alert> for Alert {
    fn from(alert: domain::Alert) -> Self {
        Self {
            id: ID(alert.id),
            rule: ID(alert.rule),
            subject: alert.subject,
            subject_label: alert.subject_label,
            site_id: alert.site_id.map(ID),
            period: alert.period,
            severity: alert.severity.into(),
            state: alert.state.into(),
            value: alert.value.map(Decimal::from),
            threshold: alert.threshold.into(),
            fired_at: alert.fired_at.into(),
            resolved_at: alert.resolved_at.map(DateTime::from),
            snapshot_id: alert.snapshot_id.into(),
            acknowledged_by: alert.acknowledged_by,
            acknowledged_at: alert.acknowledged_at.map(DateTime::from),
            note: alert.note,
        }
    }
}

/// A change of one alert.
#[derive(SimpleObject)]
pub(crate) struct AlertEvent {
    /// What happened.
    state: AlertState,
    /// The alert after it.
    alert: Alert,
}

impl From<domain::AlertEvent> for AlertEvent {
    fn from(event: domain::AlertEvent) -> Self {
        Self { state: event.state.into(), alert: event.alert.into() }
    }
}

/// One rule.
#[derive(SimpleObject)]
pub(crate) struct AlertRule {
    /// Stable id.
    id: ID,
    /// Name in Chinese.
    label: String,
    /// Name in English.
    label_en: String,
    /// What to do when it fires.
    action: String,
    /// How urgent.
    severity: Severity,
    /// Definition version.
    version: u32,
    /// Off rules are listed and never evaluated.
    enabled: bool,
    /// When it fires.
    condition: AlertCondition,
}

/// When a rule fires.
#[derive(Union)]
pub(crate) enum AlertCondition {
    Metric(MetricCondition),
    DataLate(DataLateCondition),
}

/// A metric of a closed month compared with a threshold, per value of one dimension.
#[derive(SimpleObject)]
pub(crate) struct MetricCondition {
    /// Metric id.
    metric: ID,
    /// Dimension whose values are the subjects.
    subject: String,
    /// Fires when `value op threshold`.
    op: Operator,
    /// Threshold.
    threshold: Decimal,
    /// Thresholds of single months, where they differ.
    threshold_by_month: Vec<MonthThreshold>,
    /// Smallest denominator that is judged at all.
    min_denominator: Decimal,
    /// Smallest numerator that is judged at all.
    min_numerator: Option<Decimal>,
    /// Closed months looked back at from the newest one.
    months: u32,
}

/// Threshold of one month.
#[derive(SimpleObject)]
pub(crate) struct MonthThreshold {
    /// `YYYY-MM`.
    month: String,
    /// Threshold.
    threshold: Decimal,
}

/// The newest day in a table lies too far behind the snapshot's day.
#[derive(SimpleObject)]
pub(crate) struct DataLateCondition {
    /// Table.
    source: String,
    /// Dimension column whose values are the subjects.
    subject: String,
    /// Days behind that are still fine.
    max_days: i64,
}

impl From<domain::AlertRule> for AlertRule {
    fn from(rule: domain::AlertRule) -> Self {
        Self {
            id: ID(rule.id),
            label: rule.label_zh,
            label_en: rule.label_en,
            action: rule.action,
            severity: rule.severity.into(),
            version: rule.version,
            enabled: rule.enabled,
            condition: rule.condition.into(),
        }
    }
}

impl From<domain::Condition> for AlertCondition {
    fn from(condition: domain::Condition) -> Self {
        match condition {
            domain::Condition::Metric {
                metric,
                subject,
                op,
                threshold,
                threshold_by_month,
                min_denominator,
                min_numerator,
                months,
                ..
            } => Self::Metric(MetricCondition {
                metric: ID(metric),
                subject,
                op: op.into(),
                threshold: threshold.into(),
                threshold_by_month: threshold_by_month
                    .into_iter()
                    .map(|(month, threshold)| MonthThreshold { month, threshold: threshold.into() })
                    .collect(),
                min_denominator: min_denominator.into(),
                min_numerator: min_numerator.map(Decimal::from),
                months,
            }),
            domain::Condition::DataLate { source, subject, max_days, .. } => {
                Self::DataLate(DataLateCondition { source, subject, max_days })
            }
        }
    }
}

/// How acknowledging an alert ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlertPayloadStatus {
    /// The alert is acknowledged.
    Acknowledged,
    /// There is no such alert, or the caller does not see it.
    NotFound,
    /// The note or the id cannot be taken as it is.
    Rejected,
    /// The alert changed meanwhile: read it again.
    Conflict,
}

/// What acknowledging an alert answers. Expected failures are a status, not an error.
#[derive(SimpleObject)]
pub(crate) struct AlertPayload {
    /// How it ended.
    pub(crate) status: AlertPayloadStatus,
    /// The alert after it; null when it is not `ACKNOWLEDGED`.
    pub(crate) alert: Option<Alert>,
    /// What went wrong, for people.
    pub(crate) message: Option<String>,
}
