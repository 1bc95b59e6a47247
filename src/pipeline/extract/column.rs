//! One column of a batch being filled.
//!
//! Arrow's own builders cannot forget. A row is written cell by cell and only then known to be
//! acceptable, so these columns can be cut back to where the row began. Decides nothing.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Date32Array, Decimal128Array, Int64Array,
    NullBufferBuilder, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use hub_domain::contract::ColumnType;

use super::cell::Value;

/// Values of one type; the slot of a NULL holds anything.
enum Values {
    Text { bytes: Vec<u8>, ends: Vec<i32> },
    Int(Vec<i64>),
    Bool(BooleanBufferBuilder),
    Decimal(Vec<i128>, u8, i8),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
}

/// Values and which of them are NULL.
pub(super) struct Column {
    values: Values,
    valid: NullBufferBuilder,
    capacity: usize,
}

impl Column {
    /// A column with room for `capacity` rows.
    pub(super) fn new(column_type: ColumnType, capacity: usize) -> Self {
        let values = match column_type {
            ColumnType::Text => Values::Text { bytes: Vec::new(), ends: starts(capacity) },
            ColumnType::Int64 => Values::Int(Vec::with_capacity(capacity)),
            ColumnType::Bool => Values::Bool(BooleanBufferBuilder::new(capacity)),
            ColumnType::Decimal(precision, scale) => {
                Values::Decimal(Vec::with_capacity(capacity), precision, scale)
            }
            ColumnType::Date => Values::Date(Vec::with_capacity(capacity)),
            ColumnType::Timestamp => Values::Timestamp(Vec::with_capacity(capacity)),
        };
        Self { values, valid: NullBufferBuilder::new(capacity), capacity }
    }

    /// Appends a value; false when it is of another type, and then nothing is appended.
    pub(super) fn append(&mut self, value: Option<&Value<'_>>) -> bool {
        match value {
            None => {
                self.null();
                true
            }
            Some(Value::Text(text)) => self.text(text),
            Some(Value::Int(value)) => self.int(*value),
            Some(Value::Bool(value)) => self.bool(*value),
            Some(Value::Decimal(value)) => self.decimal(*value),
            Some(Value::Date(value)) => self.date(*value),
            Some(Value::Timestamp(value)) => self.timestamp(*value),
        }
    }

    pub(super) fn null(&mut self) {
        match &mut self.values {
            Values::Text { bytes, ends } => ends.push(end(bytes)),
            Values::Int(values) | Values::Timestamp(values) => values.push(0),
            Values::Bool(values) => values.append(false),
            Values::Decimal(values, ..) => values.push(0),
            Values::Date(values) => values.push(0),
        }
        self.valid.append_null();
    }

    pub(super) fn text(&mut self, text: &str) -> bool {
        let Values::Text { bytes, ends } = &mut self.values else { return false };
        bytes.extend_from_slice(text.as_bytes());
        ends.push(end(bytes));
        self.valid.append_non_null();
        true
    }

    pub(super) fn int(&mut self, value: i64) -> bool {
        let Values::Int(values) = &mut self.values else { return false };
        values.push(value);
        self.valid.append_non_null();
        true
    }

    pub(super) fn bool(&mut self, value: bool) -> bool {
        let Values::Bool(values) = &mut self.values else { return false };
        values.append(value);
        self.valid.append_non_null();
        true
    }

    pub(super) fn decimal(&mut self, value: i128) -> bool {
        let Values::Decimal(values, ..) = &mut self.values else { return false };
        values.push(value);
        self.valid.append_non_null();
        true
    }

    pub(super) fn date(&mut self, value: i32) -> bool {
        let Values::Date(values) = &mut self.values else { return false };
        values.push(value);
        self.valid.append_non_null();
        true
    }

    pub(super) fn timestamp(&mut self, value: i64) -> bool {
        let Values::Timestamp(values) = &mut self.values else { return false };
        values.push(value);
        self.valid.append_non_null();
        true
    }

    /// Bytes of text held.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Text { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Forgets what came after the first `rows` values; fewer than that are left alone.
    pub(super) fn cut(&mut self, rows: usize) {
        if self.valid.len() <= rows {
            return;
        }
        match &mut self.values {
            Values::Text { bytes, ends } => {
                ends.truncate(rows + 1);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Values::Int(values) | Values::Timestamp(values) => values.truncate(rows),
            Values::Bool(values) => values.truncate(rows),
            Values::Decimal(values, ..) => values.truncate(rows),
            Values::Date(values) => values.truncate(rows),
        }
        self.valid.truncate(rows);
    }

    /// The value appended last; none when it is NULL or there is none.
    pub(super) fn last(&self) -> Option<Value<'_>> {
        let row = self.valid.len().checked_sub(1)?;
        if !self.valid.is_valid(row) {
            return None;
        }
        Some(match &self.values {
            Values::Text { bytes, ends } => {
                let text = &bytes[*ends.get(row)? as usize..];
                Value::Text(Cow::Borrowed(std::str::from_utf8(text).ok()?))
            }
            Values::Int(values) => Value::Int(*values.last()?),
            Values::Bool(values) => Value::Bool(values.get_bit(row)),
            Values::Decimal(values, ..) => Value::Decimal(*values.last()?),
            Values::Date(values) => Value::Date(*values.last()?),
            Values::Timestamp(values) => Value::Timestamp(*values.last()?),
        })
    }

    /// The values as an array; the column is empty again.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.valid.finish();
        let capacity = self.capacity;
        Ok(match &mut self.values {
            Values::Text { bytes, ends } => {
                let room = Vec::with_capacity(bytes.len());
                let bytes = Buffer::from_vec(std::mem::replace(bytes, room));
                let ends = std::mem::replace(ends, starts(capacity));
                let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
                Arc::new(StringArray::try_new(ends, bytes, nulls)?)
            }
            Values::Int(values) => {
                Arc::new(Int64Array::try_new(taken(values, capacity).into(), nulls)?)
            }
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Decimal(values, precision, scale) => {
                let array = Decimal128Array::try_new(taken(values, capacity).into(), nulls)?;
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            Values::Date(values) => {
                Arc::new(Date32Array::try_new(taken(values, capacity).into(), nulls)?)
            }
            Values::Timestamp(values) => {
                let values = taken(values, capacity).into();
                let array = TimestampMicrosecondArray::try_new(values, nulls)?;
                Arc::new(array.with_timezone("UTC"))
            }
        })
    }
}

fn taken<T>(values: &mut Vec<T>, capacity: usize) -> Vec<T> {
    std::mem::replace(values, Vec::with_capacity(capacity))
}

/// Where texts start: the first at 0.
fn starts(capacity: usize) -> Vec<i32> {
    let mut ends = Vec::with_capacity(capacity + 1);
    ends.push(0);
    ends
}

/// A batch is handed on long before its text passes this range; text of one cell that is longer
/// than that no source delivers.
fn end(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;

    #[test]
    fn a_row_taken_back_leaves_no_trace() {
        let mut column = Column::new(ColumnType::Text, 4);
        assert!(column.text("王") && !column.int(1));
        column.null();
        assert!(column.last().is_none());
        assert!(column.text("gone"));
        assert_eq!(column.last(), Some(Value::Text("gone".into())));
        column.cut(2);
        column.cut(5);
        assert!(column.text("李"));
        assert_eq!(column.text_bytes(), 6);
        let array = column.finish().expect("an array");
        let texts: Vec<_> = array.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("王"), None, Some("李")]);
        assert_eq!((column.text_bytes(), column.finish().expect("an array").len()), (0, 0));

        let mut column = Column::new(ColumnType::Bool, 4);
        column.null();
        assert!(column.bool(true) && column.bool(false));
        column.cut(2);
        assert_eq!(column.last(), Some(Value::Bool(true)));
        let array = column.finish().expect("an array");
        let values: Vec<_> = array.as_boolean().iter().collect();
        assert_eq!(values, [None, Some(true)]);
    }
}
