//! Arrow batches of a raw table: declared columns, then what every landing adds.
//!
//! Knows the layout of a landed row; decides nothing about rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int64Array, Int64Builder,
    StringArray, StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hub_domain::contract::ColumnType;

use super::cell::Value;
use super::reject::Reject;
use super::schema::TableSpec;

/// Rows per batch.
const BATCH_ROWS: usize = 8_192;
/// Text bytes after which a batch is handed on early.
const BATCH_BYTES: usize = 16 << 20;

/// What every row of one landing carries.
#[derive(Debug, Clone)]
pub(super) struct LoadStamp {
    /// Run that lands it.
    pub(super) load_id: String,
    /// When extraction began: µs since 1970 in UTC.
    pub(super) extracted_at: i64,
    /// Grows with every landing of a table; the current row of a key is the one with the
    /// greatest.
    pub(super) load_seq: i64,
}

enum Column {
    Text(StringBuilder),
    Int(Int64Builder),
    Bool(BooleanBuilder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Column {
    fn new(column_type: ColumnType) -> Result<Self, ArrowError> {
        Ok(match column_type {
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Int64 => Self::Int(Int64Builder::new()),
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Decimal(precision, scale) => {
                Self::Decimal(Decimal128Builder::new().with_precision_and_scale(precision, scale)?)
            }
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
        })
    }

    /// Appends a value; returns the bytes of text it took, or `None` when it is of another type.
    fn append(&mut self, value: Option<&Value<'_>>) -> Option<usize> {
        match (self, value) {
            (Self::Text(column), None) => column.append_null(),
            (Self::Text(column), Some(Value::Text(text))) => {
                column.append_value(text);
                return Some(text.len());
            }
            (Self::Int(column), None) => column.append_null(),
            (Self::Int(column), Some(Value::Int(value))) => column.append_value(*value),
            (Self::Bool(column), None) => column.append_null(),
            (Self::Bool(column), Some(Value::Bool(value))) => column.append_value(*value),
            (Self::Decimal(column), None) => column.append_null(),
            (Self::Decimal(column), Some(Value::Decimal(value))) => column.append_value(*value),
            (Self::Date(column), None) => column.append_null(),
            (Self::Date(column), Some(Value::Date(value))) => column.append_value(*value),
            (Self::Timestamp(column), None) => column.append_null(),
            (Self::Timestamp(column), Some(Value::Timestamp(value))) => column.append_value(*value),
            _ => return None,
        }
        Some(0)
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Int(column) => Arc::new(column.finish()),
            Self::Bool(column) => Arc::new(column.finish()),
            Self::Decimal(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Timestamp(column) => Arc::new(column.finish()),
        }
    }
}

/// Builds batches of one raw table.
pub(super) struct RawBuilder {
    schema: SchemaRef,
    stamp: LoadStamp,
    columns: Vec<Column>,
    deleted: BooleanBuilder,
    reject: [StringBuilder; 3],
    rows: usize,
    bytes: usize,
}

impl RawBuilder {
    pub(super) fn new(spec: &TableSpec, stamp: LoadStamp) -> Result<Self, ArrowError> {
        let columns = spec.columns.iter().map(|column| Column::new(column.column_type));
        Ok(Self {
            schema: spec.raw_schema(),
            stamp,
            columns: columns.collect::<Result<_, _>>()?,
            deleted: BooleanBuilder::new(),
            reject: std::array::from_fn(|_| StringBuilder::new()),
            rows: 0,
            bytes: 0,
        })
    }

    /// Appends a row; `values` are in column order and of the declared types.
    pub(super) fn load(
        &mut self,
        values: &[Option<Value<'_>>],
        deleted: bool,
    ) -> Result<(), ArrowError> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            let taken = column.append(value.as_ref()).ok_or_else(|| {
                ArrowError::SchemaError("a value is not of its declared type".to_owned())
            })?;
            self.bytes += taken;
        }
        self.deleted.append_value(deleted);
        for builder in &mut self.reject {
            builder.append_null();
        }
        self.rows += 1;
        Ok(())
    }

    /// Appends a refused row: its reason and where it is, no value of it.
    pub(super) fn refuse(&mut self, reject: &Reject) {
        for column in &mut self.columns {
            column.append(None);
        }
        self.deleted.append_value(false);
        let [reason, column, key] = &mut self.reject;
        reason.append_value(&reject.reason);
        column.append_option((!reject.column.is_empty()).then_some(&reject.column));
        key.append_value(&reject.key);
        self.rows += 1;
        self.bytes += reject.key.len();
    }

    /// Whether the batch should be handed on.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// The rows so far as a batch; none when there are none.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows == 0 {
            return Ok(None);
        }
        let mut arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect();
        let times = TimestampMicrosecondArray::from_value(self.stamp.extracted_at, rows);
        let ids = std::iter::repeat_n(self.stamp.load_id.as_str(), rows);
        arrays.push(Arc::new(StringArray::from_iter_values(ids)));
        arrays.push(Arc::new(times.with_timezone("UTC")));
        arrays.push(Arc::new(Int64Array::from_value(self.stamp.load_seq, rows)));
        arrays.push(Arc::new(self.deleted.finish()));
        for builder in &mut self.reject {
            arrays.push(Arc::new(builder.finish()));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some)
    }
}
