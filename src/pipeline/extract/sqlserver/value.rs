//! What the driver delivers, as cells.

use chrono::{Datelike, NaiveDate};
use tiberius::ColumnData;
use tiberius::time::{Date, DateTime2, Time};

use crate::extract::cell::{Cell, Civil};

/// A value with the text it may need.
pub(super) enum Owned {
    /// A value without text.
    Plain(Cell<'static>),
    Text(String),
    Bytes(Vec<u8>),
}

/// A wall clock; finer than a microsecond it is text, so that it is refused and not rounded.
enum Clock {
    Exact(Civil),
    Finer(String),
}

impl Owned {
    pub(super) fn of(data: ColumnData<'static>) -> Self {
        fn plain<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell<'static>) -> Owned {
            Owned::Plain(value.map_or(Cell::Null, cell))
        }
        match data {
            ColumnData::U8(value) => plain(value, |value| Cell::Int(i64::from(value))),
            ColumnData::I16(value) => plain(value, |value| Cell::Int(i64::from(value))),
            ColumnData::I32(value) => plain(value, |value| Cell::Int(i64::from(value))),
            ColumnData::I64(value) => plain(value, Cell::Int),
            // By its own shortest form: widening first would add digits nobody stored.
            ColumnData::F32(value) => {
                plain(value, |value| Cell::Real(value.to_string().parse().unwrap_or(f64::NAN)))
            }
            ColumnData::F64(value) => plain(value, Cell::Real),
            ColumnData::Bit(value) => plain(value, Cell::Bool),
            ColumnData::String(value) => Self::text(value.map(|text| text.into_owned())),
            ColumnData::Guid(value) => Self::text(value.map(|id| id.to_string())),
            ColumnData::Xml(value) => Self::text(value.map(|xml| xml.to_string())),
            ColumnData::Numeric(value) => {
                Self::text(value.map(|number| decimal(number.value(), number.scale())))
            }
            ColumnData::Binary(None) => Self::Plain(Cell::Null),
            ColumnData::Binary(Some(bytes)) => Self::Bytes(bytes.into_owned()),
            ColumnData::Date(value) => {
                plain(value, |date| Cell::Civil(day(date, Civil::default())))
            }
            ColumnData::Time(value) => Self::text(value.map(|time| {
                let (seconds, nanos) = split(time);
                let (hour, minute) = (seconds / 3_600, seconds / 60 % 60);
                format!("{hour:02}:{minute:02}:{:02}.{:07}", seconds % 60, nanos / 100)
            })),
            ColumnData::DateTime2(value) => Self::clock(value.map(clock)),
            ColumnData::DateTimeOffset(value) => match value.map(|at| clock(at.datetime2())) {
                None => Self::Plain(Cell::Null),
                Some(Clock::Finer(text)) => Self::Text(format!("{text}Z")),
                Some(Clock::Exact(civil)) => Self::Plain(instant(&civil)),
            },
            // Asked for as datetime2, so they do not come; if they do, they are refused.
            ColumnData::DateTime(value) => plain(value.map(|_| ()), |()| Cell::Never),
            ColumnData::SmallDateTime(value) => plain(value.map(|_| ()), |()| Cell::Never),
        }
    }

    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Self::Plain(cell) => *cell,
            Self::Text(text) => Cell::Text(text.as_bytes()),
            Self::Bytes(bytes) => Cell::Blob(bytes),
        }
    }

    fn text(text: Option<String>) -> Self {
        text.map_or(Self::Plain(Cell::Null), Self::Text)
    }

    fn clock(clock: Option<Clock>) -> Self {
        match clock {
            None => Self::Plain(Cell::Null),
            Some(Clock::Exact(civil)) => Self::Plain(Cell::Civil(civil)),
            Some(Clock::Finer(text)) => Self::Text(text),
        }
    }
}

/// The date put before a time of day.
fn day(date: Date, time: Civil) -> Civil {
    let days = i32::try_from(date.days()).ok().and_then(|days| days.checked_add(1));
    match days.and_then(NaiveDate::from_num_days_from_ce_opt) {
        Some(day) => {
            Civil { year: i64::from(day.year()), month: day.month(), day: day.day(), ..time }
        }
        None => Civil { year: 10_000, month: 1, day: 1, ..time },
    }
}

/// Seconds of the day and the nanoseconds after them.
fn split(time: Time) -> (u64, u64) {
    let unit = 10_u64.pow(9 - u32::from(time.scale().min(9)));
    let nanos = time.increments().saturating_mul(unit);
    (nanos / 1_000_000_000, nanos % 1_000_000_000)
}

fn clock(at: DateTime2) -> Clock {
    let (seconds, nanos) = split(at.time());
    let part = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let time = Civil {
        hour: part(seconds / 3_600),
        minute: part(seconds / 60 % 60),
        second: part(seconds % 60),
        micro: part(nanos / 1_000),
        ..Civil::default()
    };
    let civil = day(at.date(), time);
    if nanos % 1_000 == 0 {
        return Clock::Exact(civil);
    }
    let Civil { year, month, day, hour, minute, second, .. } = civil;
    Clock::Finer(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanos:09}"
    ))
}

fn instant(civil: &Civil) -> Cell<'static> {
    let year = i32::try_from(civil.year).ok();
    let day = year.and_then(|year| NaiveDate::from_ymd_opt(year, civil.month, civil.day));
    day.and_then(|day| day.and_hms_micro_opt(civil.hour, civil.minute, civil.second, civil.micro))
        .map_or(Cell::Civil(*civil), |at| Cell::Instant(at.and_utc().timestamp_micros()))
}

/// The decimal as text, every digit of it.
fn decimal(value: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
