//! Wall-clock dates and times: their written form, and which of them exist.

use chrono::{DateTime, Datelike, NaiveDate};

use super::Reason;

/// A wall-clock date and time as a source holds it; it need not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Civil {
    /// Year; 0 in zero dates.
    pub year: i64,
    /// Month; 0 in zero and partly zero dates.
    pub month: u32,
    /// Day of month; 0 in zero and partly zero dates.
    pub day: u32,
    /// Hour.
    pub hour: u32,
    /// Minute.
    pub minute: u32,
    /// Second.
    pub second: u32,
    /// Microsecond.
    pub micro: u32,
}

/// Days from year 0 of the calendar to 1970-01-01.
const EPOCH_FROM_CE: i32 = 719_163;

impl Civil {
    /// Days since 1970.
    ///
    /// # Errors
    /// `ZeroDate` when a part is zero, `ImpossibleDate` when no such day is in the calendar or
    /// the year passes 9999.
    pub(super) fn day_number(&self) -> Result<i32, Reason> {
        if self.year == 0 || self.month == 0 || self.day == 0 {
            return Err(Reason::ZeroDate);
        }
        let year = i32::try_from(self.year).map_err(|_| Reason::ImpossibleDate)?;
        if !(1..=9_999).contains(&year) {
            return Err(Reason::ImpossibleDate);
        }
        NaiveDate::from_ymd_opt(year, self.month, self.day)
            .map(|date| date.num_days_from_ce() - EPOCH_FROM_CE)
            .ok_or(Reason::ImpossibleDate)
    }

    /// µs since midnight.
    ///
    /// # Errors
    /// `ImpossibleDate` for hour 24, second 60 and the like.
    pub(super) fn micros_of_day(&self) -> Result<i64, Reason> {
        if self.hour > 23 || self.minute > 59 || self.second > 59 {
            return Err(Reason::ImpossibleDate);
        }
        let seconds =
            i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second);
        Ok(seconds * 1_000_000 + i64::from(self.micro))
    }

    pub(super) fn has_time(&self) -> bool {
        self.hour + self.minute + self.second + self.micro > 0
    }
}

impl std::fmt::Display for Civil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, hour, minute, second, micro } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micro:06}")
    }
}

/// Reads `YYYY-MM-DD`; a year of more digits is read too, so that it is called by its name.
pub(super) fn parse_day(text: &[u8]) -> Result<Civil, Reason> {
    let mut parts = text.split(|byte| *byte == b'-');
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Reason::BadValue);
    };
    if !(4..=9).contains(&year.len()) || month.len() != 2 || day.len() != 2 {
        return Err(Reason::BadValue);
    }
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    Ok(Civil { year: i64::from(year), month, day, ..Civil::default() })
}

/// A date and time as text tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Of a wall clock.
    Wall(Civil),
    /// µs since 1970 in UTC: the text names its offset.
    Instant(i64),
}

/// Reads `YYYY-MM-DD HH:MM:SS[.f]`, with a blank or a `T` between, and after it `Z`, `+08`,
/// `+0800` or `+08:00` where the text names its offset.
pub(super) fn parse_moment(text: &[u8]) -> Result<Moment, Reason> {
    let clock = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
    let zone = text[clock..].iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    let Some(zone) = zone.map(|at| clock + at) else {
        return parse_wall(text).map(Moment::Wall);
    };
    let civil = parse_wall(&text[..zone])?;
    let offset = i64::from(offset_minutes(&text[zone..])?) * 60_000_000;
    let micros = i64::from(civil.day_number()?) * 86_400_000_000 + civil.micros_of_day()?;
    within_years(micros - offset).map(Moment::Instant)
}

/// Minutes east of UTC.
fn offset_minutes(text: &[u8]) -> Result<i32, Reason> {
    let (sign, hours, minutes) = match text {
        b"Z" => return Ok(0),
        [sign, h1, h2] => (sign, [*h1, *h2], *b"00"),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return Err(Reason::BadValue),
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    if *sign == b'Z' || hours > 15 || minutes > 59 {
        return Err(Reason::BadValue);
    }
    let east = (hours * 60 + minutes) as i32;
    Ok(if *sign == b'-' { -east } else { east })
}

fn parse_wall(text: &[u8]) -> Result<Civil, Reason> {
    let split = text.iter().position(|byte| matches!(byte, b' ' | b'T'));
    let date = parse_day(&text[..split.unwrap_or(text.len())])?;
    // A zero or impossible day is that, whatever follows it.
    date.day_number()?;
    let time = &text[split.ok_or(Reason::BadValue)? + 1..];
    let (clock, fraction) = match time.iter().position(|byte| *byte == b'.') {
        Some(at) => (&time[..at], Some(&time[at + 1..])),
        None => (time, None),
    };
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock else {
        return Err(Reason::BadValue);
    };
    let micro = fraction.map_or(Ok(0), micros)?;
    let hour = digits(&[*h1, *h2])?;
    let minute = digits(&[*m1, *m2])?;
    let second = digits(&[*s1, *s2])?;
    Ok(Civil { hour, minute, second, micro, ..date })
}

/// A fraction of a second in µs; finer digits must be zero, nothing is rounded.
fn micros(fraction: &[u8]) -> Result<u32, Reason> {
    if fraction.is_empty() || fraction.len() > 9 {
        return Err(Reason::BadValue);
    }
    let value = digits(fraction)? * 10_u32.pow(9 - fraction.len() as u32);
    if value.is_multiple_of(1_000) { Ok(value / 1_000) } else { Err(Reason::BadValue) }
}

/// A number of at most nine digits.
fn digits(text: &[u8]) -> Result<u32, Reason> {
    text.iter().try_fold(0_u32, |value, byte| {
        if byte.is_ascii_digit() {
            Ok(value * 10 + u32::from(byte - b'0'))
        } else {
            Err(Reason::BadValue)
        }
    })
}

/// Keeps instants of the years 1 to 9999.
pub(super) fn within_years(micros: i64) -> Result<i64, Reason> {
    let year = DateTime::from_timestamp_micros(micros).map(|at| at.year());
    match year {
        Some(1..=9_999) => Ok(micros),
        _ => Err(Reason::ImpossibleDate),
    }
}

pub(super) fn print_day(days: i32) -> String {
    NaiveDate::from_num_days_from_ce_opt(days.saturating_add(EPOCH_FROM_CE))
        .map_or_else(|| days.to_string(), |date| date.to_string())
}

pub(super) fn print_instant(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(
        || micros.to_string(),
        |at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
    )
}
