//! Funnel definitions and answers. The counting rule itself is `analysis::funnel`.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::snapshot::Freshness;

/// How steps must follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunnelMode {
    /// In order; other events may lie between.
    Ordered,
    /// In order; a foreign event ends the chain.
    StrictOrder,
    /// Any order.
    AnyOrder,
}

/// Which attempt of a unit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunnelEntry {
    /// The attempt that gets furthest.
    Longest,
    /// The first attempt only.
    First,
    /// Every entry counts as an attempt of its own.
    Each,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// Event name as found in the event column.
    pub event: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
}

/// One file of `queries/funnels`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelDefinition {
    /// Stable id such as `F1`.
    pub id: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// Event table of schema `hub`.
    pub source: String,
    /// Column of the unit (lead, person, visit).
    pub unit: String,
    /// Column of the instant.
    pub at: String,
    /// Column of the event name.
    pub event: String,
    /// Date column by which a unit belongs to a cohort (its entry day).
    pub cohort: String,
    /// Longest time from first to last step, in seconds.
    pub window_seconds: i64,
    /// How steps follow.
    pub mode: FunnelMode,
    /// Which attempt counts.
    pub entry: FunnelEntry,
    /// Dimension id → SQL expression, as in metrics.
    pub dimensions: std::collections::BTreeMap<String, String>,
    /// Steps in order.
    pub steps: Vec<FunnelStep>,
}

/// Counts of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCount {
    /// The step.
    pub step: FunnelStep,
    /// Units that reached it.
    pub reached: u64,
}

/// One funnel for one value of the breakdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelSeries {
    /// Value of the breakdown dimension; none for the total.
    pub value: Option<String>,
    /// Label of the value.
    pub label: Option<String>,
    /// Steps in order.
    pub steps: Vec<StepCount>,
}

/// An answer about one funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelResult {
    /// Funnel id.
    pub id: String,
    /// All units.
    pub total: FunnelSeries,
    /// Per value of the breakdown, largest first; empty without one.
    pub series: Vec<FunnelSeries>,
    /// Entries after this day have not had the whole window yet.
    pub mature_through: NaiveDate,
    /// How fresh the data is.
    pub freshness: Freshness,
}
