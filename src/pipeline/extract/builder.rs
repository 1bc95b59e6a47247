//! Arrow batches of a raw table: declared columns, then what every landing adds.
//!
//! Knows the layout of a landed row; decides nothing about rows.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Int64Array, StringArray, StringBuilder,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hub_domain::contract::ColumnType;

use super::cell::Value;
use super::column::Column;
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

/// Builds batches of one raw table.
pub(super) struct RawBuilder {
    schema: SchemaRef,
    /// The stamp of a whole batch: run, time, sequence.
    stamp: [ArrayRef; 3],
    columns: Vec<Column>,
    /// Which of the columns hold text.
    texts: Vec<usize>,
    deleted: BooleanBuilder,
    /// Refused rows by their place in the batch.
    refused: Vec<(usize, Reject)>,
    /// Bytes of their sealed cells.
    sealed: usize,
    rows: usize,
}

impl RawBuilder {
    pub(super) fn new(spec: &TableSpec, stamp: &LoadStamp) -> Self {
        let columns = spec.columns.iter();
        let is_text = |index: &usize| spec.columns[*index].column_type == ColumnType::Text;
        let times = TimestampMicrosecondArray::from_value(stamp.extracted_at, BATCH_ROWS);
        let ids = std::iter::repeat_n(stamp.load_id.as_str(), BATCH_ROWS);
        Self {
            schema: spec.raw_schema(),
            stamp: [
                Arc::new(StringArray::from_iter_values(ids)),
                Arc::new(times.with_timezone("UTC")),
                Arc::new(Int64Array::from_value(stamp.load_seq, BATCH_ROWS)),
            ],
            columns: columns.map(|column| Column::new(column.column_type, BATCH_ROWS)).collect(),
            texts: (0..spec.columns.len()).filter(is_text).collect(),
            deleted: BooleanBuilder::with_capacity(BATCH_ROWS),
            refused: Vec::new(),
            sealed: 0,
            rows: 0,
        }
    }

    /// The declared columns, to append the cells of one row to; [`Self::end_row`] or
    /// [`Self::undo_row`] must follow.
    pub(super) fn columns(&mut self) -> &mut [Column] {
        &mut self.columns
    }

    /// The declared columns.
    pub(super) fn row(&self) -> &[Column] {
        &self.columns
    }

    /// Ends a row appended to every declared column.
    pub(super) fn end_row(&mut self, deleted: bool) {
        self.deleted.append_value(deleted);
        self.rows += 1;
    }

    /// Forgets what was appended of an unfinished row.
    pub(super) fn undo_row(&mut self) {
        for column in &mut self.columns {
            column.cut(self.rows);
        }
    }

    /// Appends a row; `values` are in column order and of the declared types.
    pub(super) fn load(
        &mut self,
        values: &[Option<Value<'_>>],
        deleted: bool,
    ) -> Result<(), ArrowError> {
        for (column, value) in self.columns.iter_mut().zip(values) {
            if !column.append(value.as_ref()) {
                let what = "a value is not of its declared type".to_owned();
                return Err(ArrowError::SchemaError(what));
            }
        }
        self.end_row(deleted);
        Ok(())
    }

    /// Appends a refused row: its reason, where it is, and its cells only sealed.
    pub(super) fn refuse(&mut self, reject: Reject) {
        for column in &mut self.columns {
            column.null();
        }
        self.sealed += reject.sealed.len();
        self.refused.push((self.rows, reject));
        self.end_row(false);
    }

    /// Whether the batch should be handed on.
    pub(super) fn is_full(&self) -> bool {
        let bytes = |index: &usize| self.columns[*index].text_bytes();
        let texts = self.texts.iter().map(bytes).sum::<usize>();
        self.rows >= BATCH_ROWS || texts + self.sealed >= BATCH_BYTES
    }

    /// The rows so far as a batch; none when there are none.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(Column::finish);
        let mut arrays = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        arrays.extend(self.stamp.iter().map(|whole| whole.slice(0, rows)));
        arrays.push(Arc::new(self.deleted.finish()));
        let refused = std::mem::take(&mut self.refused);
        self.sealed = 0;
        for part in [
            |reject: &Reject| Some(reject.reason.clone()),
            |reject: &Reject| Some(reject.column.clone()).filter(|column| !column.is_empty()),
            |reject: &Reject| Some(reject.key.clone()),
            |reject: &Reject| Some(reject.sealed.clone()).filter(|sealed| !sealed.is_empty()),
        ] {
            arrays.push(spread(&refused, rows, part));
        }
        // A landing recovers nothing; `quarantine retry` does.
        arrays.push(new_null_array(&DataType::Utf8, rows));
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some)
    }
}

/// A part of the refused rows at their places, NULL elsewhere.
fn spread(
    refused: &[(usize, Reject)],
    rows: usize,
    part: fn(&Reject) -> Option<String>,
) -> ArrayRef {
    if refused.is_empty() {
        return new_null_array(&DataType::Utf8, rows);
    }
    let mut texts = StringBuilder::with_capacity(rows, refused.len() * 16);
    for (row, reject) in refused {
        texts.append_nulls(row - texts.len());
        texts.append_option(part(reject));
    }
    texts.append_nulls(rows - texts.len());
    Arc::new(texts.finish())
}
