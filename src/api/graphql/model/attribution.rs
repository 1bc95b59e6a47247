//! Attribution of conversions.

use async_graphql::{Enum, SimpleObject};
use hub_domain::attribution as domain;

use crate::graphql::scalars::{Decimal, Fen};

/// How credit is shared over the touches of a path.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::analysis::attribution::Model")]
pub(crate) enum AttributionModel {
    /// All to the first touch.
    First,
    /// All to the last touch.
    Last,
    /// Equal shares per touch.
    Linear,
    /// 40 % first, 40 % last, 20 % over the middle.
    U,
    /// 20 % first, 60 % last, 20 % over the middle.
    J,
    /// 60 % first, 20 % last, 20 % over the middle.
    InverseJ,
    /// A touch a week earlier has half the weight.
    TimeDecay,
    /// All to every channel of the path; adds up to more than there is.
    Participation,
    /// By what would be lost without the channel, in a Markov chain.
    Markov,
    /// Shapley value of the channels.
    Shapley,
}

/// What counts as a conversion.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "AttributionConversion", remote = "hub_domain::attribution::Conversion")]
pub(crate) enum Conversion {
    /// A person's first paid visit.
    FirstPaidVisit,
    /// Every paid visit.
    PaidVisit,
}

/// What a channel is credited with under one model.
#[derive(SimpleObject)]
pub(crate) struct ChannelCredit {
    /// Conversions, to six decimals; all rows add up to the conversions.
    conversions: Decimal,
    /// Cash of the converting visits; all rows add up to it.
    value: Fen,
    /// Under `MARKOV`: share of conversions lost without the channel, 0…1.
    removal: Option<Decimal>,
}

/// Credit of one channel. Shares of co-occurrence, not causal effect.
#[derive(SimpleObject)]
pub(crate) struct AttributionRow {
    /// The channel; null for conversions no touch was known of.
    channel: Option<String>,
    /// Label of the channel.
    label: Option<String>,
    /// Conversions under the model asked for.
    conversions: Decimal,
    /// Cash of the converting visits under the model asked for.
    value: Fen,
    /// Under `MARKOV`: share of conversions lost without the channel, 0…1.
    removal: Option<Decimal>,
    /// The same under the model beside it; null unless asked for.
    beside: Option<ChannelCredit>,
}

impl From<domain::AttributionRow> for AttributionRow {
    fn from(row: domain::AttributionRow) -> Self {
        Self {
            channel: row.channel,
            label: row.label,
            conversions: row.credit.conversions.into(),
            value: row.credit.value.into(),
            removal: row.credit.removal.map(Decimal::from),
            beside: row.beside.map(|credit| ChannelCredit {
                conversions: credit.conversions.into(),
                value: credit.value.into(),
                removal: credit.removal.map(Decimal::from),
            }),
        }
    }
}
