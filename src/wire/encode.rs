//! Record batches as bytes of one form, batch by batch.
//!
//! Whole numbers stay whole numbers, decimals are strings in JSON so that no reader rounds them,
//! NULL is `null` in JSON and an empty field in CSV.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::compute::cast;
use arrow::csv;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::{self, writer::JsonArray};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;

use crate::accept::Form;

/// A buffer writers fill and the encoder empties.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::from(std::mem::take(&mut *bytes))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::large_enum_variant, reason = "one writer lives per answer, never a list of them")]
enum Writer {
    Json(json::Writer<Buffer, JsonArray>),
    Csv(csv::Writer<Buffer>),
    Arrow(StreamWriter<Buffer>),
}

/// Encodes one answer.
pub(crate) struct Encoder {
    buffer: Buffer,
    writer: Writer,
}

impl Encoder {
    /// An encoder of answers with columns `schema`.
    pub(crate) fn new(form: Form, schema: &SchemaRef) -> Result<Self, ArrowError> {
        let buffer = Buffer::default();
        let writer = match form {
            Form::Json => Writer::Json(
                json::WriterBuilder::new().with_explicit_nulls(true).build(buffer.clone()),
            ),
            Form::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(buffer.clone());
                // The header line of an answer without rows.
                writer.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
                Writer::Csv(writer)
            }
            Form::Arrow => Writer::Arrow(StreamWriter::try_new(buffer.clone(), schema)?),
        };
        Ok(Self { buffer, writer })
    }

    /// The bytes of `batch`, and of what was not handed out yet.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<Bytes, ArrowError> {
        match &mut self.writer {
            Writer::Json(writer) => writer.write(&with_decimals_as_text(batch)?)?,
            Writer::Csv(writer) => writer.write(batch)?,
            Writer::Arrow(writer) => writer.write(batch)?,
        }
        Ok(self.buffer.take())
    }

    /// The last bytes.
    pub(crate) fn finish(&mut self) -> Result<Bytes, ArrowError> {
        match &mut self.writer {
            Writer::Json(writer) => writer.finish()?,
            Writer::Csv(_) => {}
            Writer::Arrow(writer) => writer.finish()?,
        }
        Ok(self.buffer.take())
    }
}

/// JSON numbers are read as floats nearly everywhere, which rounds decimals; strings are not.
fn with_decimals_as_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let fields: Vec<FieldRef> = schema.fields().iter().map(without_decimals).collect();
    if fields.iter().zip(schema.fields()).all(|(shown, field)| shown == field) {
        return Ok(batch.clone());
    }
    let columns = batch
        .columns()
        .iter()
        .zip(&fields)
        .map(|(column, field)| cast(column, field.data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

/// The field with text in the place of decimals, also inside lists and structs.
fn without_decimals(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => DataType::Utf8,
        DataType::List(item) => DataType::List(without_decimals(item)),
        DataType::LargeList(item) => DataType::LargeList(without_decimals(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(without_decimals).collect()),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array, StringArray};
    use arrow::datatypes::Field;

    use super::*;

    fn encoded(form: Form, rows: usize) -> String {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("d", DataType::Decimal128(38, 2), true),
            Field::new("t", DataType::Utf8, true),
        ]));
        let decimals = Decimal128Array::from(vec![Some(12_345_678_901_234_567_890), None]);
        let batch = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new(Int64Array::from(vec![9_007_199_254_740_993, -1])),
                Arc::new(decimals.with_precision_and_scale(38, 2).expect("fits")),
                Arc::new(StringArray::from(vec![Some("a,\"b\""), None])),
            ],
        );
        let batch = batch.expect("a batch").slice(0, rows);
        let mut encoder = Encoder::new(form, &schema).expect("an encoder");
        let mut bytes = encoder.write(&batch).expect("rows").to_vec();
        bytes.extend_from_slice(&encoder.finish().expect("an end"));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn json_keeps_numbers_exact() {
        let rows: serde_json::Value =
            serde_json::from_str(&encoded(Form::Json, 2)).expect("an array");
        assert_eq!(rows[0]["n"].as_i64(), Some(9_007_199_254_740_993));
        assert_eq!(rows[0]["d"].as_str(), Some("123456789012345678.90"));
        assert!(rows[1]["d"].is_null() && rows[1].get("t").is_some());
        assert_eq!(encoded(Form::Json, 0), "[]");
    }

    #[test]
    fn csv_has_a_header_and_quotes() {
        let text = encoded(Form::Csv, 2);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "n,d,t");
        assert_eq!(lines[1], "9007199254740993,123456789012345678.90,\"a,\"\"b\"\"\"");
        assert_eq!(lines[2], "-1,,");
        assert_eq!(encoded(Form::Csv, 0), "n,d,t\n");
    }
}
