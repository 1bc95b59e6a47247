//! Instants and durations as people write them in files and options.
//!
//! Plain numbers are seconds. Texts without an offset are read as if the clinic lived in UTC,
//! which is right for differences as long as one file sticks to one kind.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const MICROSECONDS: i64 = 1_000_000;

/// Microseconds since some fixed instant, the same for one way of writing.
pub(super) fn instant(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<Decimal>() {
        return microseconds(seconds);
    }
    if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        return Some(exact.timestamp_micros());
    }
    local(text).map(|it| it.and_utc().timestamp_micros())
}

/// The clock and calendar reading of `text`; an offset is dropped, not applied.
pub(super) fn local(text: &str) -> Option<NaiveDateTime> {
    if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        return Some(exact.naive_local());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.and_time(NaiveTime::MIN));
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

/// A length of time in microseconds, such as `90s`, `60m`, `2h`, `7d`, `1.5h`, or seconds.
///
/// # Errors
/// A text for the command line.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.find(|letter: char| letter.is_ascii_alphabetic()) {
        Some(place) => text.split_at(place),
        None => (text, "s"),
    };
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(format!("unknown unit `{unit}`; use `s`, `m`, `h`, `d` or `w`")),
    };
    let count: Decimal = number.trim().parse().map_err(|_| format!("`{number}` is no number"))?;
    if count.is_sign_negative() {
        return Err("a window cannot be negative".to_owned());
    }
    let total = count.checked_mul(seconds.into()).and_then(microseconds);
    total.ok_or_else(|| format!("`{text}` is too long"))
}

fn microseconds(seconds: Decimal) -> Option<i64> {
    seconds.checked_mul(MICROSECONDS.into())?.round().to_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_documented_shape() {
        let midnight = instant("2026-03-31").expect("a day");
        let two = midnight + 2 * 3_600 * MICROSECONDS;
        for text in
            ["2026-03-31 02:00:00", "2026-03-31T02:00", "2026-03-31 02:00", "2026-03-31T02:00:00Z"]
        {
            assert_eq!(instant(text), Some(two), "{text}");
        }
        assert_eq!(instant("2026-03-31T10:00:00+08:00"), Some(two));
        assert_eq!(instant("1.5"), Some(1_500_000));
        assert_eq!(instant("yesterday"), None);
        assert_eq!(instant("2026-02-30"), None);
    }

    #[test]
    fn local_time_keeps_the_clock_of_the_text() {
        let nine = local("2026-03-31T09:00:00+08:00").expect("an instant");
        assert_eq!(nine.to_string(), "2026-03-31 09:00:00");
        assert_eq!(local("45"), None);
    }

    #[test]
    fn durations_have_units() {
        for (text, seconds) in
            [("90s", 90), ("60m", 3_600), ("2h", 7_200), ("7d", 604_800), ("1.5h", 5_400), ("5", 5)]
        {
            assert_eq!(duration(text), Ok(seconds * MICROSECONDS), "{text}");
        }
        for text in ["", "m", "-1h", "3y", "99999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
