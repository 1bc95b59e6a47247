//! How each column is asked for and what its bytes mean in the binary COPY format: as a value
//! put straight into its column, or as a cell for the row path to judge.

use chrono::{DateTime, Datelike, NaiveDate};
use hub_domain::contract::ColumnType;

use super::numeric::Numeric;
use crate::extract::cell::{Cell, FIRST_DAY, LAST_DAY, ZoneTable};
use crate::extract::column::Column;
use crate::extract::schema::{Native, SpecColumn};
use crate::extract::watermark::civil;

/// µs from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Days from 1970 to 2000.
const EPOCH_DAYS: i32 = 10_957;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Form in which a column is asked for. What is natively of its declared type comes in the
/// server's own binary form; everything else comes as text, which no server refuses to make, and
/// is judged here, so that one bad cell does not end the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Two, four or eight bytes.
    Int,
    Bool,
    Date,
    Wall,
    Instant,
    /// Precision and scale it is declared with.
    Decimal(u8, i8),
    /// Text in a text column.
    Text,
    /// Text of what is declared as something else.
    Loose,
}

impl Wire {
    pub(super) fn of(column: &SpecColumn) -> Self {
        match (column.column_type, column.native) {
            (ColumnType::Int64, Native::Int) => Self::Int,
            (ColumnType::Bool, Native::Bool) => Self::Bool,
            (ColumnType::Date, Native::Date) => Self::Date,
            (ColumnType::Timestamp, Native::Wall) => Self::Wall,
            (ColumnType::Timestamp, Native::Instant) => Self::Instant,
            (ColumnType::Decimal(precision, scale), Native::Decimal) => {
                Self::Decimal(precision, scale)
            }
            (ColumnType::Text, _) => Self::Text,
            _ => Self::Loose,
        }
    }

    /// Type to cast to; none where the column's own form is the one wanted.
    pub(super) fn cast(self) -> Option<&'static str> {
        matches!(self, Self::Text | Self::Loose).then_some("text")
    }

    /// Whether two values the server tells apart are never the same value here.
    pub(super) fn keeps_apart(self) -> bool {
        self != Self::Loose
    }

    /// Appends the value to its column; false when it takes the row path to say what it is, and
    /// then nothing is appended.
    pub(super) fn put(self, bytes: &[u8], column: &mut Column, zone: &mut ZoneTable) -> bool {
        let value = match self {
            Self::Text => {
                return std::str::from_utf8(bytes).is_ok_and(|text| column.text(text));
            }
            Self::Int => integer(bytes).map(|value| column.int(value)),
            Self::Bool => match bytes {
                [flag] => Some(column.bool(*flag != 0)),
                _ => None,
            },
            Self::Date => bytes.try_into().ok().and_then(|bytes| {
                let day = i32::from_be_bytes(bytes).checked_add(EPOCH_DAYS)?;
                (FIRST_DAY..=LAST_DAY).contains(&day).then(|| column.date(day))
            }),
            Self::Wall => micros(bytes)
                .and_then(|wall| zone.plain_instant(wall))
                .map(|instant| column.timestamp(instant)),
            Self::Instant => {
                micros(bytes).filter(|at| in_calendar(*at)).map(|instant| column.timestamp(instant))
            }
            Self::Decimal(precision, scale) => Numeric::read(bytes)
                .and_then(|number| number.units(precision, scale))
                .map(|units| column.decimal(units)),
            Self::Loose => None,
        };
        value.unwrap_or(false)
    }

    /// The bytes as a cell, `scratch` holding text made for it; none when they are not as wide as
    /// the form.
    pub(super) fn cell<'a>(self, bytes: &'a [u8], scratch: &'a mut String) -> Option<Cell<'a>> {
        Some(match self {
            Self::Text | Self::Loose => Cell::Text(bytes),
            Self::Int => Cell::Int(integer(bytes)?),
            Self::Bool => Cell::Bool(u8::from_be_bytes(bytes.try_into().ok()?) != 0),
            Self::Date => day(i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Wall => wall(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Instant => instant(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Decimal(..) => {
                *scratch = Numeric::read(bytes)?.text();
                Cell::Text(scratch.as_bytes())
            }
        })
    }
}

fn integer(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [a, b] => Some(i64::from(i16::from_be_bytes([a, b]))),
        [a, b, c, d] => Some(i64::from(i32::from_be_bytes([a, b, c, d]))),
        _ => bytes.try_into().ok().map(i64::from_be_bytes),
    }
}

/// µs since 1970; the infinities have none.
fn micros(bytes: &[u8]) -> Option<i64> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?);
    micros.checked_add(EPOCH_MICROS).filter(|_| micros != i64::MIN)
}

/// Whether an instant lies in the years 1 to 9999.
fn in_calendar(micros: i64) -> bool {
    let first = i64::from(FIRST_DAY) * MICROS_PER_DAY;
    let end = (i64::from(LAST_DAY) + 1) * MICROS_PER_DAY;
    (first..end).contains(&micros)
}

/// Infinities and days no calendar here reaches are `Never`; so are years before 1.
fn day(days: i32) -> Cell<'static> {
    let start = NaiveDate::from_ymd_opt(2000, 1, 1);
    start
        .and_then(|start| start.checked_add_signed(chrono::Duration::days(i64::from(days))))
        .filter(|day| day.year() > 0)
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map_or(Cell::Never, |midnight| Cell::Civil(civil(midnight)))
}

fn wall(micros: i64) -> Cell<'static> {
    micros
        .checked_add(EPOCH_MICROS)
        .and_then(DateTime::from_timestamp_micros)
        .map(|at| at.naive_utc())
        .filter(|at| at.year() > 0)
        .map_or(Cell::Never, |at| Cell::Civil(civil(at)))
}

fn instant(micros: i64) -> Cell<'static> {
    match micros.checked_add(EPOCH_MICROS) {
        Some(micros) if micros > i64::MIN + EPOCH_MICROS => Cell::Instant(micros),
        _ => Cell::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::cell::convert;

    fn cell_of(wire: Wire, bytes: &[u8]) -> Option<String> {
        wire.cell(bytes, &mut String::new()).map(|cell| format!("{cell:?}"))
    }

    #[test]
    fn infinities_are_never() {
        let never = Some("Never".to_owned());
        for bytes in [i64::MAX.to_be_bytes(), i64::MIN.to_be_bytes()] {
            assert_eq!(cell_of(Wire::Wall, &bytes), never);
            assert_eq!(cell_of(Wire::Instant, &bytes), never);
        }
        for bytes in [i32::MAX.to_be_bytes(), i32::MIN.to_be_bytes()] {
            assert_eq!(cell_of(Wire::Date, &bytes), never);
        }
        assert!(cell_of(Wire::Int, &[0; 3]).is_none());
        let bytes = 59_i32.to_be_bytes();
        let Some(Cell::Civil(day)) = Wire::Date.cell(&bytes, &mut String::new()) else {
            panic!("a day");
        };
        assert_eq!((day.year, day.month, day.day), (2000, 2, 29));
    }

    /// What goes straight into a column is what the row path makes of the same bytes; what does
    /// not is left to it.
    #[test]
    fn both_paths_agree_at_the_edges() {
        let zone = chrono_tz::Europe::Berlin;
        let days = [i32::MIN, -2_922_000, FIRST_DAY, LAST_DAY, LAST_DAY + 1, 0, i32::MAX];
        let days = days.into_iter().flat_map(|day| {
            [day.saturating_sub(EPOCH_DAYS), day].map(|day| day.to_be_bytes().to_vec())
        });
        let spring = 1_711_846_800_000_000 - EPOCH_MICROS;
        let moments = [i64::MIN, i64::MAX, 0, -1, spring, spring + 3_600_000_000]
            .into_iter()
            .chain([FIRST_DAY, LAST_DAY + 1, 19_813].into_iter().flat_map(|day| {
                let start = i64::from(day) * MICROS_PER_DAY - EPOCH_MICROS;
                [start - 1, start, start + 9_000_000_000]
            }))
            .map(|micros| micros.to_be_bytes().to_vec())
            .collect::<Vec<_>>();
        let numbers = [&[][..], &[1, 2, 3], &[0, 1, 0, 0, 0, 0, 0, 2, 0, 7]];
        let cases = days
            .map(|bytes| (Wire::Date, ColumnType::Date, bytes))
            .chain(moments.iter().map(|b| (Wire::Wall, ColumnType::Timestamp, b.clone())))
            .chain(moments.iter().map(|b| (Wire::Instant, ColumnType::Timestamp, b.clone())))
            .chain(
                numbers
                    .iter()
                    .map(|b| (Wire::Decimal(12, 2), ColumnType::Decimal(12, 2), b.to_vec())),
            );
        for (wire, column_type, bytes) in cases {
            let mut table = ZoneTable::new(zone);
            let mut column = Column::new(column_type, 1);
            let mut scratch = String::new();
            let judged = wire
                .cell(&bytes, &mut scratch)
                .and_then(|cell| convert(cell, column_type, &mut table).ok().flatten());
            if wire.put(&bytes, &mut column, &mut table) {
                assert_eq!(column.last(), judged, "{wire:?} {bytes:?}");
            } else {
                assert!(column.last().is_none(), "{wire:?} {bytes:?}");
                let left = matches!(wire, Wire::Wall);
                assert!(judged.is_none() || left, "{wire:?} {bytes:?} {judged:?}");
            }
        }
    }
}
