//! CSV that a spreadsheet may open: a text that it would run as a formula is marked as text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

/// The batch with an apostrophe before every text that begins like a formula. Numbers are left
/// alone, whether their column is of a number type or of text.
pub(super) fn disarmed(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<Arc<Field>> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !is_text(column.data_type()) {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
            continue;
        }
        let texts = cast(column, &DataType::Utf8)?;
        let texts: StringArray = texts.as_string::<i32>().iter().map(|t| t.map(mark)).collect();
        fields.push(Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)));
        columns.push(Arc::new(texts));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn mark(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if formula && !is_number(text) { format!("'{text}") } else { text.to_owned() }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int64Array};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn formulas_are_marked_and_numbers_are_not() {
        for armed in ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "+.5"]
        {
            assert_eq!(mark(armed), format!("'{armed}"));
        }
        for harmless in ["", "a=b", "-12.50", "+8613800000000", "王芳", "'=1"] {
            assert_eq!(mark(harmless), harmless);
        }
    }

    #[test]
    fn every_kind_of_text_column_is_looked_at() {
        let texts = StringArray::from(vec![Some("=1"), None]);
        let words: DictionaryArray<Int32Type> = vec!["=1", "b"].into_iter().collect();
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("t", Arc::new(texts) as ArrayRef, true),
            ("d", Arc::new(words) as ArrayRef, true),
            ("n", Arc::new(Int64Array::from(vec![-1, 2])) as ArrayRef, true),
        ]);
        let shown = disarmed(&batch.expect("a batch")).expect("a batch");
        let text = |index: usize, row| shown.column(index).as_string::<i32>().value(row).to_owned();
        assert_eq!((text(0, 0), text(1, 0), text(1, 1)), ("'=1".into(), "'=1".into(), "b".into()));
        assert!(shown.column(0).is_null(1));
        assert_eq!(shown.column(2).as_primitive::<arrow::datatypes::Int64Type>().value(0), -1);
    }
}
