//! Which days an input is read over, and which period of it stands beside which period asked.
//!
//! Owns the arithmetic of comparison periods and of denominators taken earlier. Must not know
//! SQL or values.

use chrono::{Days, Months, NaiveDate};
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::Compare;

/// How far from the days asked an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Shift {
    /// Read for the comparison value: 1 = previous period, 2 = a year earlier, 0 = not.
    compare: u8,
    /// Periods earlier on top, as a ratio's `denominator_offset` says.
    offset: u32,
}

impl Shift {
    /// The shift of comparison values.
    #[must_use]
    pub fn compare(compare: Compare) -> Self {
        let compare = match compare {
            Compare::PreviousPeriod => 1,
            Compare::SamePeriodLastYear => 2,
        };
        Self { compare, offset: 0 }
    }

    /// `periods` earlier than this.
    #[must_use]
    pub fn earlier(self, periods: u32) -> Self {
        Self { offset: self.offset + periods, ..self }
    }

    /// Whether this is a comparison: dimension values seen only here make no rows.
    #[must_use]
    pub fn is_compare(self) -> bool {
        self.compare != 0
    }

    /// Whether this is the previous period, which ends where the range asked for starts.
    #[must_use]
    pub fn is_previous(self) -> bool {
        self.compare == 1 && self.offset == 0
    }

    /// The days read. With a grain both ends move by whole periods, the end of a period staying
    /// one; without, the range moves as [`DateRange::previous`] and [`DateRange::last_year`] say.
    #[must_use]
    pub fn range(self, asked: DateRange, grain: Option<Grain>) -> DateRange {
        let Some(grain) = grain else {
            let compared = match self.compare {
                1 => asked.previous(),
                2 => asked.last_year(),
                _ => asked,
            };
            return (0..self.offset).fold(compared, |range, _| range.previous());
        };
        let after = asked.to + Days::new(1);
        let to = if grain.start(after) == after {
            self.day(after, grain) - Days::new(1)
        } else {
            self.day(asked.to, grain)
        };
        DateRange { from: self.day(asked.from, grain), to }
    }

    /// First day of the period of the data that stands beside the period starting on `period`.
    #[must_use]
    pub fn period(self, period: NaiveDate, grain: Grain) -> NaiveDate {
        grain.start(self.day(period, grain))
    }

    fn day(self, day: NaiveDate, grain: Grain) -> NaiveDate {
        let compared = match self.compare {
            1 => back(day, grain, 1),
            2 if grain == Grain::Week => day - Days::new(364),
            2 => day - Months::new(12),
            _ => day,
        };
        back(compared, grain, self.offset)
    }
}

fn back(day: NaiveDate, grain: Grain, periods: u32) -> NaiveDate {
    match grain {
        Grain::Day => day - Days::new(u64::from(periods)),
        Grain::Week => day - Days::new(7 * u64::from(periods)),
        Grain::Month => day - Months::new(periods),
        Grain::Quarter => day - Months::new(3 * periods),
        Grain::Year => day - Months::new(12 * periods),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn range(from: &str, to: &str) -> DateRange {
        DateRange { from: day(from), to: day(to) }
    }

    #[test]
    fn month_ends_stay_month_ends() {
        let asked = range("2026-02-01", "2026-02-28");
        let last_month = Shift::default().earlier(1);
        assert_eq!(last_month.range(asked, Some(Grain::Month)), range("2026-01-01", "2026-01-31"));
        assert_eq!(last_month.range(asked, None), range("2026-01-01", "2026-01-31"));
        let part = range("2026-03-01", "2026-03-15");
        assert_eq!(last_month.range(part, Some(Grain::Month)), range("2026-02-01", "2026-02-15"));
    }

    #[test]
    fn a_compared_offset_moves_twice() {
        let shift = Shift::compare(Compare::PreviousPeriod).earlier(1);
        assert_eq!(shift.period(day("2026-03-01"), Grain::Month), day("2026-01-01"));
        let year = Shift::compare(Compare::SamePeriodLastYear);
        assert_eq!(year.period(day("2026-11-16"), Grain::Week), day("2025-11-17"));
        assert_eq!(year.period(day("2024-02-29"), Grain::Day), day("2023-02-28"));
        assert_eq!(
            year.range(range("2024-02-01", "2024-02-29"), Some(Grain::Month)),
            range("2023-02-01", "2023-02-28")
        );
    }
}
