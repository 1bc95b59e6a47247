//! Funnel definitions, questions and answers. The counting rule itself is `analysis::funnel`.

mod definition;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::calendar::DateRange;
use crate::metric::DimensionFilter;
use crate::snapshot::Freshness;

pub use definition::{
    BreakdownAt, FunnelDefinition, FunnelExclusion, FunnelStep, FunnelUnit, Window, WindowAnchor,
};

/// How steps must follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunnelEntry {
    /// The attempt that gets furthest.
    Longest,
    /// The first attempt only.
    First,
    /// Every entry counts as an attempt of its own.
    Each,
}

/// A question about one funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelQuery {
    /// Funnel id.
    pub id: String,
    /// Days on which attempts entered.
    pub range: DateRange,
    /// Dimension the answer is split by.
    pub breakdown: Option<String>,
    /// Which event's value of it counts; the definition's choice when absent.
    pub breakdown_at: Option<BreakdownAt>,
    /// All must hold of an event.
    pub filter: Vec<DimensionFilter>,
}

/// What is known of one step over some attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepCount {
    /// The step.
    pub step: FunnelStep,
    /// Attempts that reached it.
    pub reached: u64,
    /// Time from the step before, among those that reached it: half took no longer, in seconds.
    pub median_seconds: Option<i64>,
    /// Nine of ten took no longer, in seconds.
    pub p90_seconds: Option<i64>,
}

/// One funnel for one value of the breakdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelSeries {
    /// Value of the breakdown dimension; none for the total.
    pub value: Option<String>,
    /// Label of the value.
    pub label: Option<String>,
    /// All attempts.
    pub steps: Vec<StepCount>,
    /// Attempts whose window has closed: their rates are final.
    pub mature: Vec<StepCount>,
    /// Attempts whose window is still open: they may yet convert.
    pub open: Vec<StepCount>,
}

/// An answer about one funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelResult {
    /// The funnel.
    pub definition: FunnelDefinition,
    /// All units.
    pub total: FunnelSeries,
    /// Per value of the breakdown, largest first; empty without one.
    pub series: Vec<FunnelSeries>,
    /// Attempts that entered after this day have not had the whole window yet.
    pub mature_through: NaiveDate,
    /// How fresh the data is.
    pub freshness: Freshness,
}
