//! Which days an input is read over, and which period of it stands beside which period asked.
//!
//! Owns the arithmetic of comparison periods and of denominators taken earlier. Must not know
//! SQL or values.

use chrono::{Days, Months, NaiveDate};
use hub_domain::Error;
use hub_domain::calendar::{DateRange, Grain, days_between_festivals};
use hub_domain::metric::Compare;

/// How far from the days asked an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Shift {
    /// Read for the comparison value, and with which days.
    compare: Beside,
    /// Periods earlier on top, as a ratio's `denominator_offset` says.
    offset: u32,
}

/// Which days stand beside those asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
enum Beside {
    /// They themselves: no comparison.
    #[default]
    Themselves,
    /// The period before.
    Previous,
    /// A year earlier.
    LastYear,
    /// So many days earlier.
    Earlier(u64),
}

impl Shift {
    /// The shift of comparison values.
    ///
    /// # Errors
    /// `BadInput` when the comparison has no meaning at the grain or for the years asked.
    pub fn compare(
        compare: Compare,
        range: DateRange,
        grain: Option<Grain>,
    ) -> Result<Self, Error> {
        let compare = match compare {
            Compare::PreviousPeriod => Beside::Previous,
            Compare::SamePeriodLastYear => Beside::LastYear,
            Compare::SpringFestivalLastYear => Beside::Earlier(festivals(range, grain)?),
        };
        Ok(Self { compare, offset: 0 })
    }

    /// `periods` earlier than this.
    #[must_use]
    pub fn earlier(self, periods: u32) -> Self {
        Self { offset: self.offset + periods, ..self }
    }

    /// Whether this is a comparison: dimension values seen only here make no rows.
    #[must_use]
    pub fn is_compare(self) -> bool {
        self.compare != Beside::Themselves
    }

    /// Whether this is the previous period, which ends where the range asked for starts.
    #[must_use]
    pub fn is_previous(self) -> bool {
        self.compare == Beside::Previous && self.offset == 0
    }

    /// The days read. With a grain both ends move by whole periods, the end of a period staying
    /// one; without, the range moves as [`DateRange::previous`] and [`DateRange::last_year`] say.
    #[must_use]
    pub fn range(self, asked: DateRange, grain: Option<Grain>) -> DateRange {
        let Some(grain) = grain else {
            let compared = match self.compare {
                Beside::Themselves => asked,
                Beside::Previous => asked.previous(),
                Beside::LastYear => asked.last_year(),
                Beside::Earlier(days) => {
                    DateRange { from: asked.from - Days::new(days), to: asked.to - Days::new(days) }
                }
            };
            return (0..self.offset).fold(compared, |range, _| range.previous());
        };
        let after = asked.to + Days::new(1);
        let to = if grain != Grain::Day && grain.start(after) == after {
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
            Beside::Themselves => day,
            Beside::Previous => back(day, grain, 1),
            Beside::LastYear if grain == Grain::Week => day - Days::new(364),
            Beside::LastYear => day - Months::new(12),
            Beside::Earlier(days) => day - Days::new(days),
        };
        back(compared, grain, self.offset)
    }
}

/// Days to the festival a year before; only days and weeks can stand beside each other so.
fn festivals(range: DateRange, grain: Option<Grain>) -> Result<u64, Error> {
    if !matches!(grain, None | Some(Grain::Day | Grain::Week)) {
        return Err(Error::bad_input_hint(
            "months cannot be compared by Spring Festival",
            "ask by day or week, or without a grain",
        ));
    }
    days_between_festivals(range, grain).ok_or_else(|| {
        Error::bad_input_hint(
            "the Spring Festivals of these years are not known",
            "festivals are known from 2000 to 2040",
        )
    })
}

fn back(day: NaiveDate, grain: Grain, periods: u32) -> NaiveDate {
    match grain {
        Grain::Day => day - Days::new(u64::from(periods)),
        Grain::Week => day - Days::new(7 * u64::from(periods)),
        Grain::Month | Grain::FiscalMonth(_) => day - Months::new(periods),
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

    fn compared(compare: Compare, grain: Option<Grain>) -> Shift {
        let asked = range("2026-02-10", "2026-02-24");
        Shift::compare(compare, asked, grain).expect("a shift")
    }

    #[test]
    fn a_compared_offset_moves_twice() {
        let shift = compared(Compare::PreviousPeriod, Some(Grain::Month)).earlier(1);
        assert_eq!(shift.period(day("2026-03-01"), Grain::Month), day("2026-01-01"));
        let year = compared(Compare::SamePeriodLastYear, None);
        assert_eq!(year.period(day("2026-11-16"), Grain::Week), day("2025-11-17"));
        assert_eq!(year.period(day("2024-02-29"), Grain::Day), day("2023-02-28"));
        assert_eq!(
            year.range(range("2024-02-01", "2024-02-29"), Some(Grain::Month)),
            range("2023-02-01", "2023-02-28")
        );
        let february = range("2024-02-27", "2024-02-28");
        assert_eq!(year.range(february, Some(Grain::Day)), range("2023-02-27", "2023-02-28"));
    }

    #[test]
    fn festivals_are_compared_by_day_and_week() {
        let days = compared(Compare::SpringFestivalLastYear, Some(Grain::Day));
        assert_eq!(days.period(day("2026-02-17"), Grain::Day), day("2025-01-29"));
        let asked = range("2026-02-10", "2026-02-24");
        assert_eq!(days.range(asked, None), range("2025-01-22", "2025-02-05"));
        let weeks = compared(Compare::SpringFestivalLastYear, Some(Grain::Week));
        assert_eq!(weeks.period(day("2026-02-16"), Grain::Week), day("2025-01-27"));
        let month = Shift::compare(Compare::SpringFestivalLastYear, asked, Some(Grain::Month));
        assert!(matches!(month, Err(Error::BadInput { hint: Some(_), .. })));
    }

    #[test]
    fn fiscal_months_move_by_months() {
        let grain = Grain::FiscalMonth(26.try_into().expect("a day"));
        let shift = compared(Compare::PreviousPeriod, Some(grain));
        assert_eq!(shift.period(day("2026-03-26"), grain), day("2026-02-26"));
        let asked = range("2026-02-26", "2026-03-25");
        assert_eq!(shift.range(asked, Some(grain)), range("2026-01-26", "2026-02-25"));
    }
}
