//! Retention.

use async_graphql::{Enum, InputObject, SimpleObject};
use hub_domain::retention as domain;

use crate::graphql::model::snapshot::Freshness;
use crate::graphql::scalars::{Date, Decimal};

/// What counts as coming back in bucket k.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::retention::RetentionMode")]
pub(crate) enum RetentionMode {
    /// In bucket k itself.
    ReturnOn,
    /// In bucket k or any later one; never rises with k.
    OnOrAfter,
    /// In any bucket of a span of them.
    Bracket,
}

/// How buckets are counted from the entry.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::retention::BucketClock")]
pub(crate) enum BucketClock {
    /// Clinic-local days, weeks, months after those of the entry.
    Calendar,
    /// Lengths of 24 hours after the instant of the entry; a month is 30 days.
    Rolling,
}

/// Who belongs to a cohort.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::retention::CohortScope")]
pub(crate) enum CohortScope {
    /// Persons whose first paid visit of all meets the filter; any visit brings them back.
    FirstEver,
    /// Persons by their first paid visit among those that meet the filter; only such visits bring
    /// them back.
    FirstWithin,
}

/// A span of buckets, both ends included.
#[derive(InputObject)]
pub(crate) struct BracketInput {
    /// First bucket; 0 is that of the entry.
    from: u32,
    /// Last bucket.
    to: u32,
}

impl From<BracketInput> for domain::Bracket {
    fn from(bracket: BracketInput) -> Self {
        Self { from: bracket.from, to: bracket.to }
    }
}

/// How many came back.
#[derive(SimpleObject)]
pub(crate) struct RetentionCell {
    /// First bucket; 0 is that of the entry.
    from_bucket: u32,
    /// Last bucket; the first one unless brackets were asked for.
    to_bucket: u32,
    /// Persons who came back.
    returned: u64,
    /// Persons who could have.
    cohort: u64,
    /// Their quotient, 0…1; null without persons.
    rate: Option<Decimal>,
    /// Whether the bucket has passed for everybody counted.
    is_mature: bool,
}

/// One cohort, or all of them.
#[derive(SimpleObject)]
pub(crate) struct RetentionRow {
    /// First day of the cohort's period; null for the total.
    cohort: Option<Date>,
    /// Persons.
    size: u64,
    /// Buckets that have begun, in order.
    cells: Vec<RetentionCell>,
}

/// An answer about retention.
#[derive(SimpleObject)]
pub(crate) struct RetentionResult {
    /// Cohorts, oldest first.
    rows: Vec<RetentionRow>,
    /// Over the cohorts that have reached the bucket, and only those.
    total: RetentionRow,
    /// How fresh the data is.
    freshness: Freshness,
}

impl From<domain::RetentionResult> for RetentionResult {
    fn from(result: domain::RetentionResult) -> Self {
        Self {
            rows: result.rows.into_iter().map(RetentionRow::from).collect(),
            total: result.total.into(),
            freshness: result.freshness.into(),
        }
    }
}

impl From<domain::RetentionRow> for RetentionRow {
    fn from(row: domain::RetentionRow) -> Self {
        let cells = row.cells.into_iter().map(RetentionCell::from).collect();
        Self { cohort: row.cohort.map(Date::from), size: row.size, cells }
    }
}

impl From<domain::RetentionCell> for RetentionCell {
    fn from(cell: domain::RetentionCell) -> Self {
        Self {
            from_bucket: cell.span.from,
            to_bucket: cell.span.to,
            returned: cell.returned,
            cohort: cell.cohort,
            rate: cell.rate.map(Decimal::from),
            is_mature: cell.is_mature,
        }
    }
}
