//! Arrow columns as cells: every value as it is or, where a type has no cell of its own, as the
//! text that tells it exactly.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, UInt64Array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Float32Type, Schema, TimeUnit, UInt64Type};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Datelike, NaiveDate};

use crate::extract::cell::Cell;
use crate::extract::watermark::civil;

/// A column of one batch, ready to be read cell by cell.
pub(super) enum Column {
    Null,
    Int(Int64Array),
    Unsigned(UInt64Array),
    Real(Float64Array),
    Bool(BooleanArray),
    Bytes(BinaryArray),
    Text(StringArray),
    Day(Date32Array),
    /// µs of a wall clock since 1970.
    Wall(Int64Array),
    /// µs since 1970 in UTC.
    Instant(Int64Array),
}

/// A value that does not fit is an error, never NULL.
const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: FormatOptions::new() };

impl Column {
    pub(super) fn of(array: &ArrayRef) -> Result<Self, ArrowError> {
        let to = |data_type: &DataType| cast_with_options(array, data_type, &STRICT);
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                Self::Int(to(&DataType::Int64)?.as_primitive().clone())
            }
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
                Self::Int(to(&DataType::Int64)?.as_primitive().clone())
            }
            DataType::UInt64 => Self::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            DataType::Float64 => Self::Real(array.as_primitive().clone()),
            // By its own shortest form: widening first would add digits nobody stored.
            DataType::Float32 => {
                let narrow = array.as_primitive::<Float32Type>().iter();
                let widened = |value: f32| value.to_string().parse().unwrap_or(f64::NAN);
                Self::Real(narrow.map(|value| value.map(widened)).collect())
            }
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            // Old writers do not say that bytes are text; whether they are is judged later.
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {
                Self::Bytes(to(&DataType::Binary)?.as_binary().clone())
            }
            DataType::Date32 => Self::Day(array.as_primitive().clone()),
            DataType::Timestamp(unit, zone) => timestamps(array, *unit, zone.is_some())?,
            DataType::Dictionary(_, values) => Self::of(&to(values)?)?,
            data_type if data_type.is_nested() => Self::Text(json(array)?),
            // Decimals, times, smaller floats and rarities, by the text that tells them exactly.
            _ => Self::Text(words(array)?),
        })
    }

    pub(super) fn cell(&self, row: usize) -> Cell<'_> {
        macro_rules! of {
            ($array:expr, $cell:expr) => {
                if $array.is_null(row) { Cell::Null } else { $cell($array.value(row)) }
            };
        }
        match self {
            Self::Null => Cell::Null,
            Self::Int(array) => of!(array, Cell::Int),
            Self::Unsigned(array) => of!(array, Cell::Unsigned),
            Self::Real(array) => of!(array, Cell::Real),
            Self::Bool(array) => of!(array, Cell::Bool),
            Self::Bytes(array) => of!(array, Cell::Text),
            Self::Text(array) => of!(array, words_cell),
            Self::Day(array) => of!(array, day),
            Self::Wall(array) => of!(array, wall),
            Self::Instant(array) => of!(array, Cell::Instant),
        }
    }
}

fn words_cell(text: &str) -> Cell<'_> {
    Cell::Text(text.as_bytes())
}

/// Timestamps in µs; where one is finer than that or passes the range, all as texts, so that it
/// is refused and not rounded.
fn timestamps(array: &ArrayRef, unit: TimeUnit, zoned: bool) -> Result<Column, ArrowError> {
    let raw = cast_with_options(array, &DataType::Int64, &STRICT)?;
    let raw: &Int64Array = raw.as_primitive();
    let micros = |value: i64| match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1_000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => (value % 1_000 == 0).then_some(value / 1_000),
    };
    if raw.iter().flatten().any(|value| micros(value).is_none()) {
        return Ok(Column::Text(words(array)?));
    }
    let micros: Int64Array = raw.iter().map(|value| value.and_then(micros)).collect();
    Ok(if zoned { Column::Instant(micros) } else { Column::Wall(micros) })
}

/// Days no calendar here reaches, and years before 1, are never.
fn day(days: i32) -> Cell<'static> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1);
    epoch
        .and_then(|epoch| epoch.checked_add_signed(chrono::Duration::days(i64::from(days))))
        .filter(|day| day.year() > 0)
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map_or(Cell::Never, |midnight| Cell::Civil(civil(midnight)))
}

fn wall(micros: i64) -> Cell<'static> {
    DateTime::from_timestamp_micros(micros)
        .map(|at| at.naive_utc())
        .filter(|at| at.year() > 0)
        .map_or(Cell::Never, |at| Cell::Civil(civil(at)))
}

fn words(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let options = FormatOptions::default().with_display_error(false);
    let format = ArrayFormatter::try_new(array.as_ref(), &options)?;
    let word = |row| match array.is_null(row) {
        true => Ok(None),
        false => format.value(row).try_to_string().map(Some),
    };
    (0..array.len()).map(word).collect()
}

/// Nested values as JSON.
fn json(array: &ArrayRef) -> Result<StringArray, ArrowError> {
    let field = Field::new("v", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(schema, vec![Arc::clone(array)])?;
    let mut lines = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut lines);
    writer.write(&batch)?;
    writer.finish()?;
    let lines = String::from_utf8_lossy(&lines);
    // A line is `{"v":…}`, or `{}` for NULL.
    let value = |line: &str| {
        let value = line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}'));
        value.map(ToOwned::to_owned)
    };
    Ok(lines.lines().map(value).collect())
}
