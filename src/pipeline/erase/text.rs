//! Columns and keys of landed batches as text: the form in which keys are compared and hashed.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Between the parts of a key that has several columns, as in `_reject_key`.
const JOINT: &str = "|";

/// Column `name` of `batch` as text; none when it has no such column.
pub(super) fn text(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, ArrowError> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    Ok(Some(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()))
}

/// Key of every row as text: its key columns, or for a refused row what is known of them.
pub(super) fn row_keys(
    batch: &RecordBatch,
    key: &[String],
) -> Result<Vec<Option<String>>, ArrowError> {
    let mut columns = Vec::with_capacity(key.len());
    for name in key {
        columns.extend(text(batch, name)?);
    }
    let refused = text(batch, "_reject_key")?;
    let of_row = |row: usize| {
        if let Some(refused) = refused.as_ref().filter(|refused| refused.is_valid(row)) {
            return Some(refused.value(row).to_owned());
        }
        if columns.len() < key.len() || columns.is_empty() {
            return None;
        }
        let part = |column: &StringArray| {
            if column.is_valid(row) { column.value(row).to_owned() } else { String::new() }
        };
        Some(columns.iter().map(part).collect::<Vec<_>>().join(JOINT))
    };
    Ok((0..batch.num_rows()).map(of_row).collect())
}
