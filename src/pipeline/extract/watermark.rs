//! How far a table was read: the newest cursor value seen, and where the next run starts.
//!
//! A position is a number in the cursor's own unit: µs since 1970 in UTC, days since 1970, or
//! the integer itself. It is stored as text with the commit that landed its rows, nowhere else.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat};
use hub_domain::contract::ColumnType;

use super::cell::{Civil, Value, ZoneTable};
use super::config::Lag;

const SECONDS_PER_DAY: u64 = 86_400;

/// A cursor value as a position.
pub(super) fn position(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Timestamp(value) | Value::Int(value) => Some(*value),
        Value::Date(days) => Some(i64::from(*days)),
        _ => None,
    }
}

/// A position as stored text.
pub(super) fn print(position: i64, column_type: ColumnType) -> String {
    match column_type {
        ColumnType::Timestamp => DateTime::from_timestamp_micros(position).map_or_else(
            || position.to_string(),
            |at| at.to_rfc3339_opts(SecondsFormat::Micros, true),
        ),
        ColumnType::Date => i32::try_from(position)
            .ok()
            .and_then(day_of)
            .map_or_else(|| position.to_string(), |day| day.to_string()),
        _ => position.to_string(),
    }
}

/// Stored text as a position; none when it was written for a cursor of another type.
pub(super) fn parse(text: &str, column_type: ColumnType) -> Option<i64> {
    match column_type {
        ColumnType::Timestamp => {
            DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_micros())
        }
        ColumnType::Date => text.parse::<NaiveDate>().ok().map(days_since_epoch),
        ColumnType::Int64 => text.parse().ok(),
        _ => None,
    }
}

/// Where to start reading again: `watermark` less the lag, included.
pub(super) fn start(watermark: i64, lag: Lag, column_type: ColumnType) -> i64 {
    let back = match (lag, column_type) {
        (Lag::Time(span), ColumnType::Date) => {
            i64::try_from(span.seconds().div_ceil(SECONDS_PER_DAY)).unwrap_or(i64::MAX)
        }
        (Lag::Time(span), _) => span.micros(),
        (Lag::Steps(steps), _) => i64::from(steps),
    };
    watermark.saturating_sub(back)
}

/// The last position a watermark may take on business day `date`: a day of grace past its end.
/// One row dated 9999 must not end all reading. Integers have no such bound.
pub(super) fn ceiling(date: NaiveDate, column_type: ColumnType, zone: &ZoneTable) -> Option<i64> {
    match column_type {
        ColumnType::Timestamp => {
            let end = date.checked_add_days(Days::new(2))?.and_time(NaiveTime::MIN);
            // The widest offset a zone ever had is under 16 hours; exactness is not needed here.
            let offset = zone
                .wall(end.and_utc().timestamp_micros())
                .map_or(0, |wall| (wall - end).num_microseconds().unwrap_or(0));
            Some(end.and_utc().timestamp_micros() - offset)
        }
        ColumnType::Date => Some(days_since_epoch(date) + 1),
        _ => None,
    }
}

/// The first position of `date` in the clinic's zone; none for columns that know no days.
pub(super) fn day_start(
    date: NaiveDate,
    column_type: ColumnType,
    zone: &mut ZoneTable,
) -> Option<i64> {
    match column_type {
        ColumnType::Timestamp => {
            let mut midnight = civil(date.and_time(NaiveTime::MIN));
            // Where the clocks skip midnight, the day begins when they go on.
            zone.instant(&midnight)
                .or_else(|_| {
                    midnight.hour = 1;
                    zone.instant(&midnight)
                })
                .ok()
        }
        ColumnType::Date => Some(days_since_epoch(date)),
        _ => None,
    }
}

/// The day `days` after 1970-01-01.
pub(super) fn day_of(days: i32) -> Option<NaiveDate> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    epoch.checked_add_signed(chrono::Duration::days(i64::from(days)))
}

/// Days since 1970.
pub(super) fn days_since_epoch(date: NaiveDate) -> i64 {
    let midnight = date.and_time(NaiveTime::MIN).and_utc();
    midnight.timestamp().div_euclid(86_400)
}

/// A wall-clock moment as a cell part, for drivers that deliver chrono values.
pub(super) fn civil(wall: chrono::NaiveDateTime) -> Civil {
    use chrono::{Datelike, Timelike};
    Civil {
        year: i64::from(wall.year()),
        month: wall.month(),
        day: wall.day(),
        hour: wall.hour(),
        minute: wall.minute(),
        second: wall.second(),
        micro: wall.nanosecond() / 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::config::Span;

    #[test]
    fn positions_round_trip_as_text() {
        for (position, column_type, text) in [
            (1_772_323_200_000_001, ColumnType::Timestamp, "2026-03-01T00:00:00.000001Z"),
            (20_513, ColumnType::Date, "2026-03-01"),
            (-7, ColumnType::Int64, "-7"),
        ] {
            assert_eq!(print(position, column_type), text);
            assert_eq!(parse(text, column_type), Some(position));
        }
        assert_eq!(parse("2026-03-01", ColumnType::Int64), None);
    }

    #[test]
    fn a_run_starts_a_lag_back() {
        let day = 86_400_000_000;
        let two_days = Lag::Time(Span::hours(48));
        assert_eq!(start(5 * day, two_days, ColumnType::Timestamp), 3 * day);
        assert_eq!(start(20_513, Lag::Time(Span::hours(25)), ColumnType::Date), 20_511);
        assert_eq!(start(100, Lag::Steps(30), ColumnType::Int64), 70);
        assert_eq!(start(i64::MIN, Lag::Steps(30), ColumnType::Int64), i64::MIN);
    }

    #[test]
    fn the_future_does_not_carry_the_watermark_away() {
        let zone = ZoneTable::new(chrono_tz::Asia::Shanghai);
        let date = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a date");
        let end = ceiling(date, ColumnType::Timestamp, &zone).expect("a ceiling");
        assert_eq!(print(end, ColumnType::Timestamp), "2026-03-02T16:00:00.000000Z");
        assert_eq!(ceiling(date, ColumnType::Date, &zone), Some(20_514));
        assert_eq!(ceiling(date, ColumnType::Int64, &zone), None);
    }

    #[test]
    fn a_day_starts_at_midnight_of_the_zone() {
        let date = NaiveDate::from_ymd_opt(2026, 3, 1).expect("a date");
        let mut zone = ZoneTable::new(chrono_tz::Asia::Shanghai);
        let start = day_start(date, ColumnType::Timestamp, &mut zone).expect("a start");
        assert_eq!(print(start, ColumnType::Timestamp), "2026-02-28T16:00:00.000000Z");
        assert_eq!(day_start(date, ColumnType::Date, &mut zone), Some(20_513));
        assert_eq!(day_start(date, ColumnType::Int64, &mut zone), None);
        // Santiago's clocks skip from 24:00 to 01:00.
        let skipped = NaiveDate::from_ymd_opt(2026, 9, 6).expect("a date");
        let mut zone = ZoneTable::new(chrono_tz::America::Santiago);
        let start = day_start(skipped, ColumnType::Timestamp, &mut zone).expect("a start");
        assert_eq!(print(start, ColumnType::Timestamp), "2026-09-06T04:00:00.000000Z");
    }
}
