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

    /// The same days one year earlier (29 February becomes 28); whole months stay whole.
    #[must_use]
    pub fn last_year(&self) -> Self {
        let after = self.to + Days::new(1);
        let to = if self.from.day() == 1 && after.day() == 1 {
            after - Months::new(12) - Days::new(1)
        } else {
            self.to - Months::new(12)
        };
        Self { from: self.from - Months::new(12), to }
    }
}

/// Day of the month on which the months of the books start, 1 to 28. With 26, the month that ends
/// on 25 November starts on 26 October.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct FiscalStart(u8);

impl Default for FiscalStart {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u8> for FiscalStart {
    type Error = String;

    fn try_from(day: u8) -> Result<Self, String> {
        match day {
            1..=28 => Ok(Self(day)),
            _ => Err(format!("a fiscal month starts on a day from 1 to 28, not on {day}")),
        }
    }
}

impl From<FiscalStart> for u8 {
    fn from(start: FiscalStart) -> Self {
        start.0
    }
}

impl FiscalStart {
    /// Days between the first of a calendar month and the first of the fiscal one in it.
    #[must_use]
    pub fn lead(self) -> u64 {
        u64::from(self.0) - 1
    }
}

#[rustfmt::skip]
/// Spring Festival (first day of the lunar year) from 2000 on, as month and day.
const SPRING_FESTIVALS: [(u32, u32); 41] = [
    (2, 5), (1, 24), (2, 12), (2, 1), (1, 22), (2, 9), (1, 29), (2, 18), (2, 7), (1, 26),
    (2, 14), (2, 3), (1, 23), (2, 10), (1, 31), (2, 19), (2, 8), (1, 28), (2, 16), (2, 5),
    (1, 25), (2, 12), (2, 1), (1, 22), (2, 10), (1, 29), (2, 17), (2, 6), (1, 26), (2, 13),
    (2, 3), (1, 23), (2, 11), (1, 31), (2, 19), (2, 8), (1, 28), (2, 15), (2, 4), (1, 24),
    (2, 12),
];

/// Spring Festival of a year from 2000 to 2040.
#[must_use]
pub fn spring_festival(year: i32) -> Option<NaiveDate> {
    let (month, day) = SPRING_FESTIVALS.get(usize::try_from(year - 2000).ok()?)?;
    NaiveDate::from_ymd_opt(year, *month, *day)
}

/// How many days lie between the Spring Festival nearest to the middle of `range` and the one a
/// year before: so far back lie the days that stand as near to theirs. At week grain the weeks of
/// both festivals stand beside each other.
#[must_use]
pub fn days_between_festivals(range: DateRange, grain: Option<Grain>) -> Option<u64> {
    let middle = range.from + Days::new(range.days().unsigned_abs() / 2);
    let near = (middle.year() - 1..=middle.year() + 1).filter_map(spring_festival);
    let this = near.min_by_key(|festival| (*festival - middle).num_days().abs())?;
    let before = spring_festival(this.year() - 1)?;
    let start = |day: NaiveDate| match grain {
        Some(Grain::Week) => Grain::Week.start(day),
        _ => day,
    };
    Some((start(this) - start(before)).num_days().unsigned_abs())
}

/// Length of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// One day.
    Day,
    /// ISO week, Monday to Sunday.
    Week,
    /// Calendar month.
    Month,
    /// Month of the books, which starts on a day of its own. A question's day is replaced by the
    /// project's.
    FiscalMonth(FiscalStart),
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
            Self::FiscalMonth(start) => {
                let lead = Days::new(start.lead());
                return Self::Month.start(day - lead) + lead;
            }
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
            Self::Month | Self::FiscalMonth(_) => start + Months::new(1),
            Self::Quarter => start + Months::new(3),
            Self::Year => start + Months::new(12),
        }
    }

    /// Name used by SQL `date_trunc`, after as many days as [`FiscalStart::lead`] says.
    #[must_use]
    pub fn sql_name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month | Self::FiscalMonth(_) => "month",
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
    fn fiscal_months_start_on_their_day() {
        let grain = |day: u8| Grain::FiscalMonth(FiscalStart::try_from(day).expect("a day"));
        let cases = [
            (26, "2026-11-22", "2026-10-26", "2026-11-26"),
            (26, "2026-11-26", "2026-11-26", "2026-12-26"),
            (26, "2026-03-25", "2026-02-26", "2026-03-26"),
            (28, "2026-01-01", "2025-12-28", "2026-01-28"),
            (1, "2026-02-28", "2026-02-01", "2026-03-01"),
        ];
        for (start, on, from, next) in cases {
            assert_eq!(grain(start).start(day(on)), day(from), "{start} {on}");
            assert_eq!(grain(start).next(day(from)), day(next), "{start} {on}");
        }
        assert!(FiscalStart::try_from(0).is_err() && FiscalStart::try_from(29).is_err());
    }

    #[test]
    fn lunar_years_have_twelve_or_thirteen_moons() {
        for year in 2001..=2040 {
            let (Some(this), Some(before)) = (spring_festival(year), spring_festival(year - 1))
            else {
                panic!("{year} has no festival");
            };
            let days = (this - before).num_days();
            assert!((353..=355).contains(&days) || (383..=385).contains(&days), "{year}: {days}");
        }
        assert_eq!(spring_festival(2041), None);
    }

    #[test]
    fn festivals_stand_beside_each_other() {
        let around = DateRange { from: day("2026-02-10"), to: day("2026-02-24") };
        assert_eq!(days_between_festivals(around, None), Some(384));
        let weeks = days_between_festivals(around, Some(Grain::Week)).expect("days");
        assert_eq!(weeks % 7, 0);
        let week = |text| Grain::Week.start(day(text));
        assert_eq!(week("2026-02-17") - Days::new(weeks), week("2025-01-29"));
        // December is nearer to the festival to come.
        let december = DateRange { from: day("2025-12-01"), to: day("2025-12-31") };
        assert_eq!(days_between_festivals(december, None), Some(384));
    }

    #[test]
    fn a_reversed_range_is_refused_with_a_hint() {
        let error = DateRange::new(day("2026-02-01"), day("2026-01-01")).expect_err("reversed");
        assert!(matches!(error, Error::BadInput { hint: Some(_), .. }));
    }
}
