//! Wall-clock arithmetic of the generator: days, instants and months as plain integers.
//! The demo group lives in one zone, so no zone is known here.
use chrono::{Datelike, NaiveDate};

/// Days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) i32);

/// Wall-clock seconds since 1970-01-01 00:00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At(pub(crate) i64);

/// Months since year 0: `year * 12 + month - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Month(pub(crate) i32);

const EPOCH_CE: i32 = 719_163;

impl Day {
    pub(crate) fn new(date: NaiveDate) -> Self {
        Self(date.num_days_from_ce() - EPOCH_CE)
    }

    pub(crate) fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0 + EPOCH_CE).expect("a day of this century")
    }

    /// Year, month and day of month, by the days-to-civil algorithm on 400-year eras.
    pub(crate) fn ymd(self) -> (i32, i32, i32) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i32::from(month <= 2);
        (year, month, day)
    }

    /// 0 Monday … 6 Sunday.
    pub(crate) fn weekday(self) -> i32 {
        (self.0 + 3).rem_euclid(7)
    }

    pub(crate) fn month(self) -> Month {
        let (year, month, _) = self.ymd();
        Month(year * 12 + month - 1)
    }

    pub(crate) fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    pub(crate) fn at(self, hour: i64, minute: i64) -> At {
        At(i64::from(self.0) * 86_400 + hour * 3600 + minute * 60)
    }

    /// The last second of the day.
    pub(crate) fn last(self) -> At {
        At(i64::from(self.0) * 86_400 + 86_399)
    }
}

impl At {
    pub(crate) fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(86_400)).expect("a day of this century"))
    }

    pub(crate) fn minutes(self, minutes: i64) -> Self {
        Self(self.0 + minutes * 60)
    }

    pub(crate) fn seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }

    pub(crate) fn days(self, days: i32) -> Self {
        Self(self.0 + i64::from(days) * 86_400)
    }
}

impl Month {
    pub(crate) fn first(self) -> Day {
        let date = NaiveDate::from_ymd_opt(self.0 / 12, (self.0 % 12) as u32 + 1, 1);
        Day::new(date.expect("a month of this century"))
    }

    pub(crate) fn last(self) -> Day {
        Self(self.0 + 1).first().plus(-1)
    }

    pub(crate) fn label(self) -> String {
        format!("{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

fn digits(out: &mut String, mut value: i64, width: usize) {
    let mut text = [b'0'; 8];
    for place in (0..width).rev() {
        text[place] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    for byte in &text[..width] {
        out.push(char::from(*byte));
    }
}

/// Appends `YYYY-MM-DD`.
pub(crate) fn push_day(out: &mut String, day: Day) {
    let (year, month, dom) = day.ymd();
    digits(out, i64::from(year), 4);
    out.push('-');
    digits(out, i64::from(month), 2);
    out.push('-');
    digits(out, i64::from(dom), 2);
}

/// Appends `YYYY-MM-DD HH:MM:SS`.
pub(crate) fn push_at(out: &mut String, at: At) {
    push_day(out, at.day());
    let seconds = at.0.rem_euclid(86_400);
    out.push(' ');
    digits(out, seconds / 3600, 2);
    out.push(':');
    digits(out, seconds / 60 % 60, 2);
    out.push(':');
    digits(out, seconds % 60, 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_days_agree_with_chrono() {
        for raw in (10_000..30_000).step_by(13) {
            let day = Day(raw);
            let date = day.date();
            let (year, month, dom) = day.ymd();
            assert_eq!((year, month as u32, dom as u32), (date.year(), date.month(), date.day()));
            assert_eq!(day.weekday() as u32, date.weekday().num_days_from_monday());
            assert_eq!(Day::new(date), day);
        }
    }

    #[test]
    fn instants_print_as_wall_clock() {
        let mut text = String::new();
        push_at(&mut text, Day::new(NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()).at(8, 5));
        assert_eq!(text, "2024-02-29 08:05:00");
    }
}
