//! Cohorts and how many of them come back: question and answer. The arithmetic is
//! `analysis::retention`.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::calendar::{DateRange, Grain};
use crate::metric::DimensionFilter;
use crate::snapshot::Freshness;

/// What counts as coming back in bucket k.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetentionMode {
    /// In bucket k itself.
    ReturnOn,
    /// In bucket k or any later one; never rises with k.
    OnOrAfter,
    /// In any bucket of a span of them.
    Bracket,
}

/// How buckets are counted from the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BucketClock {
    /// Clinic-local days, weeks, months after those of the entry.
    #[default]
    Calendar,
    /// Lengths of 24 hours after the instant of the entry; a month is 30 days.
    Rolling,
}

/// Who belongs to a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CohortScope {
    /// Persons whose first paid visit of all meets the filter; any visit brings them back.
    #[default]
    FirstEver,
    /// Persons by their first paid visit among those that meet the filter (the first in a channel
    /// or business line); only such visits bring them back.
    FirstWithin,
}

/// A span of buckets, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bracket {
    /// First bucket.
    pub from: u32,
    /// Last bucket.
    pub to: u32,
}

/// A question about retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionQuery {
    /// Days of first paid visits.
    pub range: DateRange,
    /// Length of a bucket, and of the period that makes a cohort.
    pub bucket: Grain,
    /// What counts.
    pub mode: RetentionMode,
    /// Spans, with [`RetentionMode::Bracket`].
    pub brackets: Vec<Bracket>,
    /// How buckets are counted.
    pub clock: BucketClock,
    /// Who belongs.
    pub scope: CohortScope,
    /// Most buckets shown after the first; ignored with brackets.
    pub buckets: u32,
    /// All must hold of a visit.
    pub filter: Vec<DimensionFilter>,
}

/// How many came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionCell {
    /// First and last bucket.
    pub span: Bracket,
    /// Persons who came back.
    pub returned: u64,
    /// Persons who could have.
    pub cohort: u64,
    /// Their quotient; none without persons.
    pub rate: Option<Decimal>,
    /// Whether the bucket has passed for everybody counted. The total row has mature cohorts only.
    pub is_mature: bool,
}

/// One cohort, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRow {
    /// First day of the cohort's period; none for the total.
    pub cohort: Option<NaiveDate>,
    /// Persons.
    pub size: u64,
    /// Buckets in order; a cohort has none that have not begun.
    pub cells: Vec<RetentionCell>,
}

/// An answer about retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionResult {
    /// Cohorts, oldest first.
    pub rows: Vec<RetentionRow>,
    /// Over cohorts that have reached the bucket.
    pub total: RetentionRow,
    /// How fresh the data is.
    pub freshness: Freshness,
}
