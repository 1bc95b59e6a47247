//! Credit of conversions over channels: question and answer. The models are
//! `analysis::attribution`.

use rust_decimal::Decimal;

use crate::Fen;
use crate::analysis::attribution::Model;
use crate::calendar::DateRange;
use crate::metric::DimensionFilter;

/// What counts as a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Conversion {
    /// A person's first paid visit.
    #[default]
    FirstPaidVisit,
    /// Every paid visit.
    PaidVisit,
}

/// A question about attribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributionQuery {
    /// Days of conversions, and of the last touch of who did not convert.
    pub range: DateRange,
    /// How credit is shared.
    pub model: Model,
    /// A second model to be shown beside it.
    pub beside: Option<Model>,
    /// How many days before a conversion a touch still counts.
    pub lookback_days: u32,
    /// What counts as one.
    pub conversion: Conversion,
    /// All must hold of a conversion.
    pub filter: Vec<DimensionFilter>,
}

/// What a channel is credited with under one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCredit {
    /// Conversions.
    pub conversions: Decimal,
    /// Cash of the converting visits.
    pub value: Fen,
    /// Under the Markov model: share of conversions lost without the channel.
    pub removal: Option<Decimal>,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributionRow {
    /// The channel; none for conversions no touch was known of.
    pub channel: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Under the model asked for.
    pub credit: ChannelCredit,
    /// Under the model beside it.
    pub beside: Option<ChannelCredit>,
}
