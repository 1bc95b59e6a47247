//! Clinic-local days, ranges and grains.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Clinic-local days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DateRange {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl DateRange {
    /// Longest range one request may ask for.
    pub const MAX_DAYS: i64 = 3_660;

    /// A checked range.
    ///
    /// # Errors
    /// `BadInput` when `from` is after `to` or the range is longer than [`Self::MAX_DAYS`].
    pub fn new(from: NaiveDate, to: NaiveDate) -> Result<Self, Error> {
        if from > to {
            return Err(Error::bad_input_hint(
                format!("range starts `{from}` after it ends `{to}`"),
                "swap `from` and `to`; both days are included",
            ));
        }
        if (to - from).num_days() >= Self::MAX_DAYS {
            return Err(Error::bad_input(format!("range is longer than {} days", Self::MAX_DAYS)));
        }
        Ok(Self { from, to })
    }

    /// The calendar month that holds `day`.
    #[must_use]
    pub fn month_of(day: NaiveDate) -> Self {
        let from = Grain::Month.start(day);
        Self { from, to: Grain::Month.next(from) - Days::new(1) }
    }

    /// Number of days, at least 1.
    #[must_use]
    pub fn days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }

    /// The range of equal length that ends the day before this one starts.
    /// Whole calendar months are compared with the same number of whole months before.
    #[must_use]
    pub fn previous(&self) -> Self {
        let after = self.to + Days::new(1);
        if self.from.day() == 1 && after.day() == 1 {
            let months = (after.year() - self.from.year()) * 12 + after.month() as i32
                - self.from.month() as i32;
            let from = self.from - Months::new(months.unsigned_abs());
            return Self { from, to: self.from - Days::new(1) };
        }
        let length = Days::new(self.days().unsigned_abs());
        Self { from: self.from - length, to: self.to - length }
    }

    /// The same days one year earlier (29 February becomes 28).
    #[must_use]
    pub fn last_year(&self) -> Self {
        Self { from: self.from - Months::new(12), to: self.to - Months::new(12) }
    }
}

/// Length of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// One day.
    Day,
    /// Monday to Sunday.
    Week,
    /// Calendar month.
    Month,
    /// Calendar quarter.
    Quarter,
    /// Calendar year.
    Year,
}

impl Grain {
    /// First day of the period that holds `day`.
    #[must_use]
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let month = match self {
            Self::Day => return day,
            Self::Week => {
                return day - Days::new(u64::from(day.weekday().num_days_from_monday()));
            }
            Self::Month => day.month(),
            Self::Quarter => (day.month0() / 3) * 3 + 1,
            Self::Year => 1,
        };
        NaiveDate::from_ymd_opt(day.year(), month, 1).expect("first day of a month exists")
    }

    /// First day of the period after the one that starts on `start`.
    #[must_use]
    pub fn next(self, start: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => start + Days::new(1),
            Self::Week => start + Days::new(7),
            Self::Month => start + Months::new(1),
            Self::Quarter => start + Months::new(3),
            Self::Year => start + Months::new(12),
        }
    }

    /// Name used by SQL `date_trunc`.
    #[must_use]
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// Starts of all periods that touch `range`, in order.
    #[must_use]
    pub fn periods(self, range: DateRange) -> Vec<NaiveDate> {
        let mut starts = Vec::new();
        let mut start = self.start(range.from);
        while start <= range.to {
            starts.push(start);
            start = self.next(start);
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn whole_months_compare_with_whole_months() {
        let march = DateRange { from: day("2026-03-01"), to: day("2026-03-31") };
        assert_eq!(march.previous(), DateRange::month_of(day("2026-02-10")));
        let week = DateRange { from: day("2026-03-02"), to: day("2026-03-08") };
        assert_eq!(week.previous().from, day("2026-02-23"));
    }

    #[test]
    fn grains_start_and_step() {
        assert_eq!(Grain::Week.start(day("2026-11-22")), day("2026-11-16"));
        assert_eq!(Grain::Quarter.start(day("2026-11-22")), day("2026-10-01"));
        let range = DateRange { from: day("2026-01-15"), to: day("2026-03-01") };
        assert_eq!(Grain::Month.periods(range).len(), 3);
    }

    #[test]
    fn a_reversed_range_is_refused_with_a_hint() {
        let error = DateRange::new(day("2026-02-01"), day("2026-01-01")).expect_err("reversed");
        assert!(matches!(error, Error::BadInput { hint: Some(_), .. }));
    }
}
