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
    /// Event of the step.
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
}

/// One funnel for one value of the breakdown.
#[derive(SimpleObject)]
pub(crate) struct FunnelSeries {
    /// Value of the breakdown dimension; null for the total and for units without a value.
    value: Option<String>,
    /// Label of the value.
    label: Option<String>,
    /// Steps in order.
    steps: Vec<FunnelStep>,
}

/// An answer about one funnel.
#[derive(SimpleObject)]
pub(crate) struct FunnelResult {
    /// Funnel id.
    id: ID,
    /// Steps over all units, in order: `total.steps`.
    steps: Vec<FunnelStep>,
    /// All units.
    total: FunnelSeries,
    /// Per value of the breakdown, largest first; empty without one.
    series: Vec<FunnelSeries>,
    /// Entries after this day have not had the whole window yet.
    mature_through: Date,
    /// How fresh the data is.
    freshness: Freshness,
}

impl From<domain::FunnelResult> for FunnelResult {
    fn from(funnel: domain::FunnelResult) -> Self {
        let total = FunnelSeries::from(funnel.total);
        Self {
            id: ID(funnel.id),
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
        let first = series.steps.first().map(|step| step.reached);
        let mut previous = None;
        let mut steps = Vec::with_capacity(series.steps.len());
        for count in series.steps {
            steps.push(FunnelStep {
                event: count.step.event,
                label: count.step.label_zh,
                label_en: count.step.label_en,
                reached: count.reached,
                conversion_from_first: share(count.reached, first),
                conversion_from_previous: share(count.reached, previous),
            });
            previous = Some(count.reached);
        }
        Self { value: series.value, label: series.label, steps }
    }
}

fn share(part: u64, whole: Option<u64>) -> Option<Decimal> {
    let whole = whole.filter(|units| *units > 0)?;
    let quotient = rust_decimal::Decimal::from(part) / rust_decimal::Decimal::from(whole);
    Some(quotient.round_dp(CONVERSION_DIGITS).into())
}
