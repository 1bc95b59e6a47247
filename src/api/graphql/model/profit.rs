//! Profit drivers.

use async_graphql::{Enum, ID, SimpleObject};
use hub_domain::profit as domain;

use crate::graphql::model::calendar::DateSpan;
use crate::graphql::model::snapshot::Freshness;
use crate::graphql::scalars::{Decimal, Fen};

/// Which revenue is explained.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::profit::ProfitBasis")]
pub(crate) enum ProfitBasis {
    /// Cash received; there is no margin on cash.
    Cash,
    /// Earned in months whose costs are booked, down to the profit. Ask whole months.
    Earned,
}

/// How a change is shared out over factors.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "DecompositionMethod", remote = "hub_domain::analysis::profit_driver::Method")]
pub(crate) enum Method {
    /// One factor after the other, in order.
    Sequential,
    /// Logarithmic mean: the order does not matter; needs totals above zero.
    Lmdi,
}

/// One factor of the product.
#[derive(SimpleObject)]
pub(crate) struct ProfitFactor {
    /// `traffic`, `conversion`, `frequency`, `ticket`, `margin_rate`, or `fixed_cost` in fen.
    id: ID,
    /// Name in Chinese.
    label: String,
    /// Name in English.
    label_en: String,
    /// Value in the base range; null of nothing.
    base: Option<Decimal>,
    /// Value now.
    now: Option<Decimal>,
    /// Its share of the change of the result.
    contribution: Fen,
}

/// Revenue or profit as a product of factors, and its change shared out over them.
#[derive(SimpleObject)]
pub(crate) struct ProfitDrivers {
    /// Days compared with.
    base_range: DateSpan,
    /// Factors in order; their product, less the fixed cost, is the result.
    factors: Vec<ProfitFactor>,
    /// Result in the base range: cash, or profit.
    base: Fen,
    /// Result now.
    now: Fen,
    /// Sum of all contributions: `now − base` to the fen.
    change: Fen,
    /// How the change was shared out.
    method: Method,
    /// How fresh the data is.
    freshness: Freshness,
}

impl From<domain::ProfitDrivers> for ProfitDrivers {
    fn from(drivers: domain::ProfitDrivers) -> Self {
        let factor = |factor: domain::ProfitFactor| ProfitFactor {
            id: ID(factor.id),
            label: factor.label_zh,
            label_en: factor.label_en,
            base: factor.base.map(Decimal::from),
            now: factor.now.map(Decimal::from),
            contribution: factor.contribution.into(),
        };
        Self {
            base_range: drivers.base_range.into(),
            factors: drivers.factors.into_iter().map(factor).collect(),
            base: drivers.base.into(),
            now: drivers.now.into(),
            change: drivers.change.into(),
            method: drivers.method.into(),
            freshness: drivers.freshness.into(),
        }
    }
}
