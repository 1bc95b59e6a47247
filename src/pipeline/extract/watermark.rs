//! How far a table was read: the newest cursor value seen, and where the next run starts.
//!
//! A position is a number in the cursor's own unit: µs since 1970 in UTC, days since 1970, or
//! the integer itself. It is stored as text with the commit that landed its rows, nowhere else.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat};
use hub_domain::contract::ColumnType;

use super::cell::{Civil, Value, ZoneTable};
use super::config::Lag;
use super::schema::{Native, TableSpec};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// Where a bound is compared at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`: wall clock, or UTC where the source keeps
    /// instants. Cut to whole seconds so that no row at the bound is missed; the intake drops
    /// what is before the exact position.
    Text(String),
    /// An integer.
    Int(i64),
}

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

/// The position as the source compares it.
pub(super) fn bound(position: i64, spec: &TableSpec, zone: &ZoneTable) -> Option<Bound> {
    let cursor = spec.cursor?;
    Some(match cursor.column_type {
        ColumnType::Timestamp => {
            let floor = position.div_euclid(MICROS_PER_SECOND) * MICROS_PER_SECOND;
            let wall = match spec.columns[cursor.column].native {
                Native::Instant => DateTime::from_timestamp_micros(floor)?.naive_utc(),
                _ => zone.wall(floor)?,
            };
            Bound::Text(wall.format("%Y-%m-%d %H:%M:%S").to_string())
        }
        ColumnType::Date => Bound::Text(day_of(i32::try_from(position).ok()?)?.to_string()),
        _ => Bound::Int(position),
    })
}

fn day_of(days: i32) -> Option<NaiveDate> {
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
}
