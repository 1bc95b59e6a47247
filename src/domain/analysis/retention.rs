//! Retention of cohorts: from persons per cohort and bucket to rates.
//!
//! | mode | came back in bucket k |
//! |---|---|
//! | return on | at least one visit in bucket k |
//! | on or after | at least one visit in bucket k or later |
//! | bracket | at least one visit in any bucket of a span |
//!
//! The entry itself lies in bucket 0, so everybody has come back there. A bucket is mature for a
//! cohort when it has passed for its youngest member; the total divides by the cohorts for which
//! it is (Amplitude's overall row). A cohort shows a bucket from the day it begins for its first
//! members, marked as not mature.
//!
//! Owns maturity, cumulation and quotients. Must not know how persons were counted.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;

use crate::calendar::{DateRange, Grain};
use crate::retention::{Bracket, BucketClock, RetentionCell, RetentionMode, RetentionRow};

/// Digits kept of a rate.
const RATE_DIGITS: u32 = 12;

/// When buckets begin and end.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Days of entries.
    pub range: DateRange,
    /// Length of a bucket.
    pub bucket: Grain,
    /// How buckets are counted.
    pub clock: BucketClock,
    /// Last day with complete data.
    pub through: NaiveDate,
}

/// Persons of one cohort.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// All of them.
    pub size: u64,
    /// Persons by bucket: with a visit there (return on), or whose last visit is there (on or
    /// after). By number of the bracket, those with a visit in it.
    pub by_bucket: BTreeMap<u32, u64>,
}

impl Timing {
    /// Days in a rolling bucket.
    #[must_use]
    pub fn rolling_days(bucket: Grain) -> u32 {
        match bucket {
            Grain::Day => 1,
            Grain::Week => 7,
            Grain::Month | Grain::FiscalMonth(_) => 30,
            Grain::Quarter => 90,
            Grain::Year => 365,
        }
    }

    /// First day of bucket `k` of entries on `entry`.
    fn begins(&self, entry: NaiveDate, k: u32) -> NaiveDate {
        match self.clock {
            BucketClock::Calendar => {
                (0..k).fold(self.bucket.start(entry), |start, _| self.bucket.next(start))
            }
            BucketClock::Rolling => {
                entry + Days::new(u64::from(k) * u64::from(Self::rolling_days(self.bucket)))
            }
        }
    }

    /// The last day somebody of the cohort that begins on `cohort` may have entered.
    fn last_entry(&self, cohort: NaiveDate) -> NaiveDate {
        let end = self.bucket.next(cohort) - Days::new(1);
        end.min(self.range.to)
    }

    /// Whether bucket `k` has passed for everybody in the cohort.
    fn is_mature(&self, cohort: NaiveDate, k: u32) -> bool {
        let after = self.begins(self.last_entry(cohort), k + 1);
        match self.clock {
            // Buckets are whole days here: the last of them must be complete.
            BucketClock::Calendar => after <= self.through + Days::new(1),
            // The bucket of a late entry ends within the first day after it.
            BucketClock::Rolling => after <= self.through,
        }
    }

    /// Whether bucket `k` has begun for anybody in the cohort.
    fn has_begun(&self, cohort: NaiveDate, k: u32) -> bool {
        self.begins(cohort.max(self.range.from), k) <= self.through
    }
}

/// Cohorts as rows, oldest first, and the total over mature ones.
///
/// `spans` are single buckets, or the brackets in order.
#[must_use]
pub fn table(
    cohorts: &BTreeMap<NaiveDate, Counted>,
    mode: RetentionMode,
    spans: &[Bracket],
    timing: &Timing,
) -> (Vec<RetentionRow>, RetentionRow) {
    let mut rows = Vec::with_capacity(cohorts.len());
    let mut sums = vec![(0_u64, 0_u64); spans.len()];
    for (cohort, counted) in cohorts {
        let mut cells = Vec::new();
        for (number, span) in (0_u32..).zip(spans) {
            if !timing.has_begun(*cohort, span.from) {
                continue;
            }
            let returned = returned(counted, mode, number, *span);
            let is_mature = timing.is_mature(*cohort, span.to);
            if is_mature {
                let sum = &mut sums[number as usize];
                *sum = (sum.0 + returned, sum.1 + counted.size);
            }
            cells.push(cell(*span, returned, counted.size, is_mature));
        }
        rows.push(RetentionRow { cohort: Some(*cohort), size: counted.size, cells });
    }
    let reached = spans.iter().zip(sums).filter(|(_, sum)| sum.1 > 0);
    let total = RetentionRow {
        cohort: None,
        size: cohorts.values().map(|counted| counted.size).sum(),
        cells: reached.map(|(span, sum)| cell(*span, sum.0, sum.1, true)).collect(),
    };
    (rows, total)
}

fn returned(counted: &Counted, mode: RetentionMode, number: u32, span: Bracket) -> u64 {
    match mode {
        RetentionMode::ReturnOn => counted.by_bucket.get(&span.from).copied().unwrap_or(0),
        RetentionMode::OnOrAfter => counted.by_bucket.range(span.from..).map(|(_, n)| n).sum(),
        RetentionMode::Bracket => counted.by_bucket.get(&number).copied().unwrap_or(0),
    }
}

fn cell(span: Bracket, returned: u64, cohort: u64, is_mature: bool) -> RetentionCell {
    let rate = Decimal::from(returned).checked_div(cohort.into());
    let rate = rate.map(|rate| rate.round_dp(RATE_DIGITS).normalize());
    RetentionCell { span, returned, cohort, rate, is_mature }
}
