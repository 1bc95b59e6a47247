//! Profit drivers: question and answer. The arithmetic is `analysis::profit_driver`.

use rust_decimal::Decimal;

use crate::Fen;
use crate::analysis::profit_driver::Method;
use crate::calendar::DateRange;
use crate::metric::DimensionFilter;
use crate::snapshot::Freshness;

/// Which revenue is explained. Bases are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfitBasis {
    /// Cash received; there is no margin on cash.
    Cash,
    /// Earned in months whose costs are booked, down to the profit. Whole months only.
    Earned,
}

/// A question about profit drivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfitQuery {
    /// Days explained.
    pub range: DateRange,
    /// Days compared with; the range before when absent.
    pub base: Option<DateRange>,
    /// Which revenue.
    pub basis: ProfitBasis,
    /// How a change is shared out.
    pub method: Method,
    /// All must hold.
    pub filter: Vec<DimensionFilter>,
}

/// One factor of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfitFactor {
    /// `traffic`, `conversion`, `frequency`, `ticket`, `margin_rate`, or `fixed_cost`.
    pub id: String,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// Value in the base range; none of nothing.
    pub base: Option<Decimal>,
    /// Value now.
    pub now: Option<Decimal>,
    /// Its share of the change of the result.
    pub contribution: Fen,
}

/// Revenue or profit as a product of factors, and its change shared out over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfitDrivers {
    /// Days compared with.
    pub base_range: DateRange,
    /// Factors in order; their product less the fixed cost is the result.
    pub factors: Vec<ProfitFactor>,
    /// Result in the base range: cash, or profit.
    pub base: Fen,
    /// Result now.
    pub now: Fen,
    /// Sum of all contributions: `now − base` to the fen.
    pub change: Fen,
    /// How the change was shared out.
    pub method: Method,
    /// How fresh the data is.
    pub freshness: Freshness,
}
