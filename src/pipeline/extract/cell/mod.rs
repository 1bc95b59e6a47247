//! One cell from what a driver delivers to a value of the declared type, or the reason why not.
//!
//! Owns every conversion rule; knows no source kind, no table and no Arrow builder.

mod date;
mod number;
mod zone;

use std::borrow::Cow;

use hub_domain::contract::ColumnType;
use sha2::{Digest, Sha256};

pub use date::Civil;
use date::Moment;
pub(super) use zone::{FIRST_DAY, LAST_DAY, ZoneTable};

use super::reject::Reason;

/// A cell as a driver hands it over.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// An integer that may pass the range of `i64`.
    Unsigned(u64),
    /// A float; taken by its shortest decimal form.
    Real(f64),
    /// True or false.
    Bool(bool),
    /// Text whose encoding is still to be checked.
    Text(&'a [u8]),
    /// Bytes the source does not call text.
    Blob(&'a [u8]),
    /// A wall-clock date or time, possibly zero or partly zero.
    Civil(Civil),
    /// An instant: µs since 1970 in UTC.
    Instant(i64),
    /// A date that is no date: `infinity`.
    Never,
}

/// A value of a declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// 64-bit integer.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// Unscaled digits of a decimal.
    Decimal(i128),
    /// Days since 1970.
    Date(i32),
    /// µs since 1970 in UTC.
    Timestamp(i64),
}

impl Cell<'_> {
    /// Feeds the cell into a hash, kind and length included.
    pub(super) fn digest(&self, hash: &mut Sha256) {
        let mut put = |kind: u8, bytes: &[u8]| {
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        match self {
            Self::Null => put(0, &[]),
            Self::Int(value) => put(1, &value.to_le_bytes()),
            Self::Unsigned(value) => put(2, &value.to_le_bytes()),
            Self::Real(value) => put(3, &value.to_bits().to_le_bytes()),
            Self::Bool(value) => put(4, &[u8::from(*value)]),
            Self::Text(bytes) => put(5, bytes),
            Self::Blob(bytes) => put(6, bytes),
            Self::Civil(civil) => put(7, civil.to_string().as_bytes()),
            Self::Instant(value) => put(8, &value.to_le_bytes()),
            Self::Never => put(9, &[]),
        }
    }
}

impl Value<'_> {
    /// The value without what it borrows.
    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Int(value) => Value::Int(value),
            Self::Bool(value) => Value::Bool(value),
            Self::Decimal(value) => Value::Decimal(value),
            Self::Date(value) => Value::Date(value),
            Self::Timestamp(value) => Value::Timestamp(value),
        }
    }

    /// The value as text, for `_reject_key` and for comparing with a delete flag.
    pub(super) fn text(&self, column_type: ColumnType) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Decimal(value) => match column_type {
                ColumnType::Decimal(_, scale) => number::print(*value, scale),
                _ => value.to_string(),
            },
            Self::Date(days) => date::print_day(*days),
            Self::Timestamp(micros) => date::print_instant(*micros),
        }
    }
}

/// Converts a cell to the declared type; `None` is NULL.
///
/// # Errors
/// The reason why the cell is no such value.
pub(super) fn convert<'a>(
    cell: Cell<'a>,
    column_type: ColumnType,
    zone: &mut ZoneTable,
) -> Result<Option<Value<'a>>, Reason> {
    if let Cell::Null = cell {
        return Ok(None);
    }
    let value = match column_type {
        ColumnType::Text => Value::Text(text(cell)?),
        ColumnType::Int64 => Value::Int(integer(cell)?),
        ColumnType::Bool => Value::Bool(boolean(cell)?),
        ColumnType::Decimal(precision, scale) => Value::Decimal(decimal(cell, precision, scale)?),
        ColumnType::Date => Value::Date(day(cell)?),
        ColumnType::Timestamp => Value::Timestamp(instant(cell, zone)?),
    };
    Ok(Some(value))
}

/// Bytes as text; every kind of column refuses bytes that are not text before it looks at them.
fn utf8(bytes: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(bytes).map_err(|_| Reason::BadEncoding)
}

fn text(cell: Cell<'_>) -> Result<Cow<'_, str>, Reason> {
    Ok(match cell {
        Cell::Text(bytes) => Cow::Borrowed(utf8(bytes)?),
        Cell::Int(value) => Cow::Owned(value.to_string()),
        Cell::Unsigned(value) => Cow::Owned(value.to_string()),
        Cell::Real(value) => Cow::Owned(value.to_string()),
        Cell::Bool(value) => Cow::Owned(value.to_string()),
        Cell::Civil(civil) => Cow::Owned(civil.to_string()),
        Cell::Instant(micros) => Cow::Owned(date::print_instant(micros)),
        Cell::Blob(bytes) => {
            utf8(bytes)?;
            return Err(Reason::BadValue);
        }
        Cell::Never | Cell::Null => return Err(Reason::BadValue),
    })
}

fn integer(cell: Cell<'_>) -> Result<i64, Reason> {
    match cell {
        Cell::Int(value) => Ok(value),
        Cell::Unsigned(value) => i64::try_from(value).map_err(|_| Reason::BadValue),
        Cell::Bool(value) => Ok(i64::from(value)),
        Cell::Text(bytes) => utf8(bytes)?.parse().map_err(|_| Reason::BadValue),
        _ => Err(Reason::BadValue),
    }
}

fn boolean(cell: Cell<'_>) -> Result<bool, Reason> {
    match cell {
        Cell::Bool(value) => Ok(value),
        Cell::Int(0) | Cell::Unsigned(0) => Ok(false),
        Cell::Int(1) | Cell::Unsigned(1) => Ok(true),
        // MySQL's BIT(1) arrives as one raw byte.
        Cell::Text(b"\0") | Cell::Blob(b"\0") => Ok(false),
        Cell::Text(b"\x01") | Cell::Blob(b"\x01") => Ok(true),
        Cell::Text(bytes) => match utf8(bytes)? {
            "0" | "f" | "false" => Ok(false),
            "1" | "t" | "true" => Ok(true),
            _ => Err(Reason::BadValue),
        },
        _ => Err(Reason::BadValue),
    }
}

fn decimal(cell: Cell<'_>, precision: u8, scale: i8) -> Result<i128, Reason> {
    match cell {
        Cell::Text(bytes) => number::parse(utf8(bytes)?.as_bytes(), precision, scale),
        Cell::Int(value) => number::parse(value.to_string().as_bytes(), precision, scale),
        Cell::Unsigned(value) => number::parse(value.to_string().as_bytes(), precision, scale),
        Cell::Real(value) => number::parse(value.to_string().as_bytes(), precision, scale),
        _ => Err(Reason::BadValue),
    }
}

fn day(cell: Cell<'_>) -> Result<i32, Reason> {
    match cell {
        Cell::Text(bytes) => date::parse_day(utf8(bytes)?.as_bytes())?.day_number(),
        Cell::Civil(civil) => {
            let days = civil.day_number()?;
            if civil.has_time() { Err(Reason::BadValue) } else { Ok(days) }
        }
        Cell::Never => Err(Reason::ImpossibleDate),
        _ => Err(Reason::BadValue),
    }
}

fn instant(cell: Cell<'_>, zone: &mut ZoneTable) -> Result<i64, Reason> {
    match cell {
        Cell::Text(bytes) => match date::parse_moment(utf8(bytes)?.as_bytes())? {
            Moment::Wall(civil) => zone.instant(&civil),
            Moment::Instant(micros) => Ok(micros),
        },
        Cell::Civil(civil) => zone.instant(&civil),
        Cell::Instant(micros) => date::within_years(micros),
        Cell::Never => Err(Reason::ImpossibleDate),
        _ => Err(Reason::BadValue),
    }
}

#[cfg(test)]
mod tests;
