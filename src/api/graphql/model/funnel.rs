//! Funnels.

use async_graphql::{ID, SimpleObject};
use hub_domain::funnel as domain;

use crate::graphql::model::snapshot::Freshness;
use crate::graphql::scalars::{Date, Decimal};

/// Decimals kept of a conversion.
const CONVERSION_DIGITS: u32 = 6;

/// Counts of one step.
#[derive(SimpleObject, Clone)]
pub(crate) struct FunnelStep {
    /// Name of the step: its event, unless the definition gives it one of its own.
    event: String,
    /// Name in Chinese.
    label: String,
    /// Name in English.
    label_en: String,
    /// Units that reached the step.
    reached: u64,
    /// Share of the units of the first step; null when there are none.
    conversion_from_first: Option<Decimal>,
    /// Share of the units of the step before; null for the first step and after none.
    conversion_from_previous: Option<Decimal>,
    /// Units lost since the step before; 0 for the first step.
    drop: u64,
    /// Time from the step before, in seconds: half of those that got here took no longer.
    median_seconds: Option<i64>,
    /// Nine of ten took no longer.
    p90_seconds: Option<i64>,
}

/// One funnel for one value of the breakdown.
#[derive(SimpleObject)]
pub(crate) struct FunnelSeries {
    /// Value of the breakdown dimension; null for the total and for units without a value.
    value: Option<String>,
    /// Label of the value.
    label: Option<String>,
    /// Steps in order, over all attempts.
    steps: Vec<FunnelStep>,
    /// The same over attempts whose window has closed: these rates are final.
    mature: Vec<FunnelStep>,
    /// The same over attempts whose window is still open: they may yet convert.
    open: Vec<FunnelStep>,
}

/// An answer about one funnel.
#[derive(SimpleObject)]
pub(crate) struct FunnelResult {
    /// Funnel id.
    id: ID,
    /// Name in Chinese.
    label: String,
    /// Name in English.
    label_en: String,
    /// What it says, and what it leaves out.
    description: String,
    /// Days an attempt has from its entry to its last step.
    window_days: u64,
    /// Steps over all units, in order: `total.steps`.
    steps: Vec<FunnelStep>,
    /// All units.
    total: FunnelSeries,
    /// Per value of the breakdown, largest first; empty without one.
    series: Vec<FunnelSeries>,
    /// Attempts that entered after this day have not had the whole window yet.
    mature_through: Date,
    /// How fresh the data is.
    freshness: Freshness,
}

impl From<domain::FunnelResult> for FunnelResult {
    fn from(funnel: domain::FunnelResult) -> Self {
        let total = FunnelSeries::from(funnel.total);
        let window_days = funnel.definition.window_days();
        Self {
            id: ID(funnel.definition.id),
            label: funnel.definition.label_zh,
            label_en: funnel.definition.label_en,
            description: funnel.definition.description,
            window_days,
            steps: total.steps.clone(),
            total,
            series: funnel.series.into_iter().map(FunnelSeries::from).collect(),
            mature_through: funnel.mature_through.into(),
            freshness: funnel.freshness.into(),
        }
    }
}

impl From<domain::FunnelSeries> for FunnelSeries {
    fn from(series: domain::FunnelSeries) -> Self {
        Self {
            value: series.value,
            label: series.label,
            steps: steps(series.steps),
            mature: steps(series.mature),
            open: steps(series.open),
        }
    }
}

fn steps(counts: Vec<domain::StepCount>) -> Vec<FunnelStep> {
    let first = counts.first().map(|step| step.reached);
    let mut previous = None;
    let mut steps = Vec::with_capacity(counts.len());
    for count in counts {
        steps.push(FunnelStep {
            event: count.step.id().to_owned(),
            label: count.step.label_zh,
            label_en: count.step.label_en,
            reached: count.reached,
            conversion_from_first: share(count.reached, first),
            conversion_from_previous: share(count.reached, previous),
            drop: previous.unwrap_or(count.reached) - count.reached,
            median_seconds: count.median_seconds,
            p90_seconds: count.p90_seconds,
        });
        previous = Some(count.reached);
    }
    steps
}

/// `part` of `whole`; none of nothing.
pub(crate) fn share(part: u64, whole: Option<u64>) -> Option<Decimal> {
    let whole = whole.filter(|units| *units > 0)?;
    let quotient = rust_decimal::Decimal::from(part) / rust_decimal::Decimal::from(whole);
    Some(quotient.round_dp(CONVERSION_DIGITS).into())
}
