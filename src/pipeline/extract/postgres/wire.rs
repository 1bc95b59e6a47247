//! How each column is asked for and what its bytes mean in the binary COPY format.

use chrono::{DateTime, Datelike, NaiveDate};
use hub_domain::contract::ColumnType;
use tokio_postgres::types::{FromSql, Type};

use crate::extract::cell::Cell;
use crate::extract::error::Cause;
use crate::extract::schema::{Native, SpecColumn};
use crate::extract::watermark::civil;

/// µs from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Form in which a column is asked for. Only lossless casts that cannot fail are asked of the
/// server; whatever is not natively of its declared type comes as text and is judged here, so
/// that one bad cell does not end the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Int,
    Bool,
    Date,
    Wall,
    Instant,
    Text,
}

impl Wire {
    pub(super) fn of(column: &SpecColumn) -> Self {
        match (column.column_type, column.native) {
            (ColumnType::Int64, Native::Int) => Self::Int,
            (ColumnType::Bool, Native::Bool) => Self::Bool,
            (ColumnType::Date, Native::Date) => Self::Date,
            (ColumnType::Timestamp, Native::Wall) => Self::Wall,
            (ColumnType::Timestamp, Native::Instant) => Self::Instant,
            _ => Self::Text,
        }
    }

    pub(super) fn cast(self) -> &'static str {
        match self {
            Self::Int => "int8",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Wall => "timestamp",
            Self::Instant => "timestamptz",
            Self::Text => "text",
        }
    }

    pub(super) fn copy_type(self) -> Type {
        match self {
            Self::Int => Type::INT8,
            Self::Bool => Type::BOOL,
            Self::Date => Type::DATE,
            Self::Wall => Type::TIMESTAMP,
            Self::Instant => Type::TIMESTAMPTZ,
            Self::Text => Type::TEXT,
        }
    }

    /// The bytes as a cell; none when they are not as wide as the form.
    pub(super) fn cell(self, bytes: &[u8]) -> Option<Cell<'_>> {
        Some(match self {
            Self::Text => Cell::Text(bytes),
            Self::Int => Cell::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Bool => Cell::Bool(u8::from_be_bytes(bytes.try_into().ok()?) != 0),
            Self::Date => day(i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Wall => wall(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Instant => instant(i64::from_be_bytes(bytes.try_into().ok()?)),
        })
    }
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

/// The bytes of a value, whatever its type.
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Cause> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_are_never() {
        for bytes in [i64::MAX.to_be_bytes(), i64::MIN.to_be_bytes()] {
            assert!(matches!(Wire::Wall.cell(&bytes), Some(Cell::Never)));
            assert!(matches!(Wire::Instant.cell(&bytes), Some(Cell::Never)));
        }
        for bytes in [i32::MAX.to_be_bytes(), i32::MIN.to_be_bytes()] {
            assert!(matches!(Wire::Date.cell(&bytes), Some(Cell::Never)));
        }
        assert!(Wire::Int.cell(&[0; 4]).is_none());
        let Some(Cell::Civil(day)) = Wire::Date.cell(&59_i32.to_be_bytes()) else {
            panic!("a day");
        };
        assert_eq!((day.year, day.month, day.day), (2000, 2, 29));
    }
}
