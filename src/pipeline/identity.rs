//! The built-in node `person_link`: which source records are one person.
//!
//! Reads the strong fact keys of `person_record` (every column named `key_…`) and writes one row
//! per record. The rule itself is the domain's; SQL cannot follow chains of facts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use hub_domain::identity::{Record, resolve};

/// Column that names a record in both tables.
const RECORD: &str = "record_id";
/// Column that names a person.
const PERSON: &str = "person_id";
/// Beginning of the names of key columns.
const KEY: &str = "key_";
/// Rows of one output batch.
const BATCH_ROWS: usize = 8_192;

/// Persons of all records of `hub.<table>`. Memory grows with records, not with their columns.
pub(crate) async fn person_link(
    context: &SessionContext,
    table: &str,
) -> Result<SendableRecordBatchStream> {
    let frame = context.table(table).await?;
    let names = frame.schema().fields().iter().map(|field| field.name().clone());
    let keys: Vec<String> = names.filter(|name| name.starts_with(KEY)).collect();
    let columns: Vec<&str> =
        std::iter::once(RECORD).chain(keys.iter().map(String::as_str)).collect();
    let mut rows = frame.select_columns(&columns)?.execute_stream().await?;
    let mut records = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        read(&batch, &keys, &mut records)?;
    }
    let people = resolve(&records);
    let schema = link_schema();
    let batches: Vec<Result<RecordBatch>> = records
        .chunks(BATCH_ROWS)
        .zip(people.chunks(BATCH_ROWS))
        .map(|(records, people)| {
            let ids = StringArray::from_iter_values(records.iter().map(|record| &record.id));
            let people = StringArray::from_iter_values(people);
            let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(people)];
            Ok(RecordBatch::try_new(link_schema(), columns)?)
        })
        .collect();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
}

fn link_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![text(RECORD), text(PERSON)]))
}

/// Appends the records of a batch. A key holds its column's name: the same text in two columns
/// is not the same fact.
fn read(batch: &RecordBatch, keys: &[String], records: &mut Vec<Record>) -> Result<()> {
    let texts = batch
        .columns()
        .iter()
        .map(|column| Ok(arrow::compute::cast(column, &DataType::Utf8)?))
        .collect::<Result<Vec<ArrayRef>>>()?;
    let Some((ids, key_columns)) = texts.split_first() else { return Ok(()) };
    let ids = ids.as_string::<i32>();
    for row in (0..batch.num_rows()).filter(|row| ids.is_valid(*row)) {
        let mut own = Vec::new();
        for (name, column) in keys.iter().zip(key_columns) {
            let values = column.as_string::<i32>();
            if values.is_valid(row) && !values.value(row).is_empty() {
                own.push(format!("{name}={}", values.value(row)));
            }
        }
        records.push(Record { id: ids.value(row).to_owned(), keys: own });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn records_with_a_common_fact_are_one_person() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("record_id", DataType::Utf8, true),
            Field::new("name", DataType::Utf8, true),
            Field::new("key_card", DataType::Utf8, true),
            Field::new("key_mrn", DataType::Utf8, true),
        ]));
        let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let columns = vec![
            text(vec![Some("his:1"), Some("crm:1"), Some("his:2"), Some("crm:2"), Some("crm:3")]),
            text(vec![Some("a"); 5]),
            text(vec![Some("x"), None, None, Some("7"), Some("")]),
            text(vec![Some("7"), Some("7"), Some("8"), None, Some("")]),
        ];
        let batch = RecordBatch::try_new(schema, columns).expect("columns fit");
        let context = SessionContext::new();
        context.register_batch("person_record", batch).expect("registered");
        let stream = person_link(&context, "person_record").await.expect("runs");
        let batches: Vec<RecordBatch> = stream.try_collect().await.expect("rows");
        let people = batches[0].column(1).as_string::<i32>();
        assert_eq!(people.value(0), people.value(1), "his:1 and crm:1 share the record number");
        assert_ne!(people.value(0), people.value(2));
        assert_ne!(people.value(0), people.value(3), "a card is not a record number");
        assert_ne!(people.value(2), people.value(4), "empty keys link nothing");
    }
}
