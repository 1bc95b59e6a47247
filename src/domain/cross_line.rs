//! Conversion between business lines: who first paid in one line and then in another.

use rust_decimal::Decimal;

use crate::Fen;

/// Persons who first paid in one line, and what became of them in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossLineRow {
    /// Line they came from.
    pub from_line: String,
    /// Its label.
    pub from_label: Option<String>,
    /// Line they came to.
    pub to_line: String,
    /// Its label.
    pub to_label: Option<String>,
    /// Persons whose first paid visit in `from_line` lies in the range.
    pub cohort: u64,
    /// Of them, persons whose first paid visit in `to_line` came after it and in time.
    pub persons: u64,
    /// Their quotient; none without a cohort.
    pub rate: Option<Decimal>,
    /// Days between the two first visits: half took no longer.
    pub median_days: Option<i64>,
    /// Cash they paid in `to_line` until the window closed.
    pub revenue: Fen,
    /// Persons of the cohort whose window has closed.
    pub mature_cohort: u64,
    /// Of them, those who came.
    pub mature_persons: u64,
    /// Their quotient; none without a mature cohort.
    pub mature_rate: Option<Decimal>,
}
