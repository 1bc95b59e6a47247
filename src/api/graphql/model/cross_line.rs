//! Conversion between business lines.

use async_graphql::SimpleObject;
use hub_domain::cross_line as domain;

use crate::graphql::scalars::{Decimal, Fen};

/// Persons who first paid in one line, and what became of them in another.
#[derive(SimpleObject)]
pub(crate) struct CrossLineRow {
    /// Line they came from.
    from_line: String,
    /// Its label.
    from_label: Option<String>,
    /// Line they came to.
    to_line: String,
    /// Its label.
    to_label: Option<String>,
    /// Persons whose first paid visit in `fromLine` lies in the range.
    cohort: u64,
    /// Of them, persons whose first paid visit in `toLine` came after it, within the window.
    persons: u64,
    /// Their quotient, 0…1; null without a cohort.
    rate: Option<Decimal>,
    /// Days between the two first visits: half took no longer.
    median_days: Option<i64>,
    /// Cash they paid in `toLine` until the window closed.
    revenue: Fen,
    /// Persons of the cohort whose window has closed.
    mature_cohort: u64,
    /// Of them, those who came.
    mature_persons: u64,
    /// Their quotient: the rate that will not rise any more.
    mature_rate: Option<Decimal>,
}

impl From<domain::CrossLineRow> for CrossLineRow {
    fn from(row: domain::CrossLineRow) -> Self {
        Self {
            from_line: row.from_line,
            from_label: row.from_label,
            to_line: row.to_line,
            to_label: row.to_label,
            cohort: row.cohort,
            persons: row.persons,
            rate: row.rate.map(Decimal::from),
            median_days: row.median_days,
            revenue: row.revenue.into(),
            mature_cohort: row.mature_cohort,
            mature_persons: row.mature_persons,
            mature_rate: row.mature_rate.map(Decimal::from),
        }
    }
}
