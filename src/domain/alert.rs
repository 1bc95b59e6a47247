//! Alert rules and the alert state machine. Rules are YAML in `queries/alerts`.
//!
//! One alert identity per rule, subject and period; it fires once, and resolves once the
//! condition no longer holds on a newer snapshot. No data never resolves an alert.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::metric::Operator;

/// How urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Someone should look this week.
    Warning,
    /// Someone should look now.
    Critical,
}

/// When a rule fires.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// A metric of a closed month compared with a threshold, per value of one dimension.
    Metric {
        /// Metric id.
        metric: String,
        /// Dimension whose values are the subjects: `site`, `doctor`, …
        subject: String,
        /// Only rows with these dimension values.
        #[serde(default)]
        filter: BTreeMap<String, Vec<String>>,
        /// Fires when `value op threshold`.
        op: Operator,
        /// Threshold of the rule.
        threshold: Decimal,
        /// Thresholds of single months (`YYYY-MM`), where they differ.
        #[serde(default)]
        threshold_by_month: BTreeMap<String, Decimal>,
        /// Smallest denominator that is judged at all.
        #[serde(default)]
        min_denominator: Decimal,
        /// Smallest numerator that is judged at all.
        #[serde(default)]
        min_numerator: Option<Decimal>,
        /// Extra volume gates: metric id → smallest value for the same subject and month.
        #[serde(default)]
        min_volume: BTreeMap<String, Decimal>,
        /// Practitioners with at least so many full years since hiring are not judged.
        #[serde(default)]
        exempt_tenure_years: Option<u32>,
        /// Closed months looked back at from the newest one.
        #[serde(default = "one_month")]
        months: u32,
    },
    /// The newest business day in a table lies too far behind the snapshot's day.
    DataLate {
        /// Table of schema `hub`.
        source: String,
        /// Its date column.
        time: String,
        /// Dimension column whose values are the subjects.
        subject: String,
        /// Days behind that are still fine.
        max_days: i64,
    },
}

fn one_month() -> u32 {
    1
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AlertRule {
    /// Stable id such as `R1`.
    pub id: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// What to do when it fires.
    pub action: String,
    /// How urgent.
    pub severity: Severity,
    /// Definition version.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Off rules are listed and never evaluated.
    #[serde(default = "enabled_by_default")]
    pub enabled: bool,
    /// When it fires.
    pub condition: Condition,
}

fn first_version() -> u32 {
    1
}
fn enabled_by_default() -> bool {
    true
}

/// One file of `queries/alerts`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRuleFile {
    /// Rules of the file.
    pub rules: Vec<AlertRule>,
}

/// What a rule said of one subject and period on one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Rule id.
    pub rule: String,
    /// `<dimension>:<value>`, such as `site:SH01` or `practitioner:1001`. No patient data.
    pub subject: String,
    /// Label of the subject for people.
    pub subject_label: Option<String>,
    /// Site (org code) the subject belongs to; decides which site principals see the alert.
    pub site_id: Option<String>,
    /// Judged period, `YYYY-MM` or a day.
    pub period: String,
    /// Verdict.
    pub verdict: Verdict,
    /// Observed value.
    pub value: Option<Decimal>,
    /// Threshold it was compared with.
    pub threshold: Decimal,
}

/// Verdict of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The condition holds.
    Breach,
    /// The condition does not hold, on enough data.
    Healthy,
    /// Too little data to judge; changes nothing.
    NoData,
}

/// State of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Hash)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition holds on the newest data.
    Firing,
    /// It held, and no longer does.
    Resolved,
}

/// What an observation does to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Becomes, or becomes again, firing: notify.
    Fire,
    /// Becomes resolved: notify.
    Resolve,
    /// Stays as it is: no message.
    Keep,
}

/// The state machine: what happens when `verdict` meets `state`.
#[must_use]
pub fn transition(state: Option<AlertState>, verdict: Verdict) -> Transition {
    match (state, verdict) {
        (None | Some(AlertState::Resolved), Verdict::Breach) => Transition::Fire,
        (Some(AlertState::Firing), Verdict::Healthy) => Transition::Resolve,
        _ => Transition::Keep,
    }
}

/// A stored alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable id: a hash of rule, subject and period.
    pub id: String,
    /// Rule id.
    pub rule: String,
    /// See [`Observation::subject`].
    pub subject: String,
    /// See [`Observation::subject_label`].
    pub subject_label: Option<String>,
    /// See [`Observation::site_id`].
    pub site_id: Option<String>,
    /// See [`Observation::period`].
    pub period: String,
    /// Severity of the rule when it fired.
    pub severity: Severity,
    /// State now.
    pub state: AlertState,
    /// Last observed value.
    pub value: Option<Decimal>,
    /// Threshold it was compared with.
    pub threshold: Decimal,
    /// When it first fired.
    pub fired_at: DateTime<Utc>,
    /// When it resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Snapshot of the last change.
    pub snapshot_id: u64,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Note of the acknowledgement.
    pub note: Option<String>,
}

/// The stable identity of an alert.
#[must_use]
pub fn alert_id(rule: &str, subject: &str, period: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{rule}\u{1f}{subject}\u{1f}{period}"));
    format!("alert_{}", hex::encode(&digest[..12]))
}

/// Filter of alert lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Rule id.
    pub rule: Option<String>,
    /// State.
    pub state: Option<AlertState>,
    /// Subject.
    pub subject: Option<String>,
}

/// A change of one alert, as pushed to subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEvent {
    /// What happened.
    pub state: AlertState,
    /// The alert after it.
    pub alert: Alert,
}

/// One message to one hook, kept until it is delivered or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `webhook-id`: constant over retries.
    pub id: String,
    /// Hook id of the configuration.
    pub hook: String,
    /// Alert it tells of.
    pub alert_id: String,
    /// `pending`, `delivered`, `dead`.
    pub status: String,
    /// Tries so far.
    pub attempts: u32,
    /// When the next try is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Status or error class of the last try.
    pub last_result: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_data_never_resolves() {
        assert_eq!(transition(Some(AlertState::Firing), Verdict::NoData), Transition::Keep);
        assert_eq!(transition(Some(AlertState::Firing), Verdict::Healthy), Transition::Resolve);
        assert_eq!(transition(Some(AlertState::Resolved), Verdict::Breach), Transition::Fire);
        assert_eq!(transition(Some(AlertState::Firing), Verdict::Breach), Transition::Keep);
        assert_eq!(transition(None, Verdict::Healthy), Transition::Keep);
    }
}
