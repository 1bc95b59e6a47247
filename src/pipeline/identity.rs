//! The built-in nodes of identity: which source records are one person, what people decided about
//! them, and the log of persons that became one.
//!
//! Reads the strong fact keys of `person_record` (every column named `key_…`), the decisions the
//! build was given, and what the tables themselves held before: a person keeps its id from night
//! to night. The rule is the domain's; SQL cannot follow chains of facts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use chrono::NaiveDate;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use hub_domain::annotation::{Annotations, ManualTag};
use hub_domain::contract::TableContract;
use hub_domain::identity::{Decision, Link, Merge, Origin, Record, merge_log, resolve};
use hub_engine::{IDENTITY_DECISION, MANUAL_TAG, PERSON_LINK, PERSON_RECORD};
use hub_lake::{Lake, TableId, arrow_schema};

/// Column that names a record.
const RECORD: &str = "record_id";
/// Beginning of the names of key columns.
const KEY: &str = "key_";
/// Rows of one output batch.
const BATCH_ROWS: usize = 8_192;

/// One row as texts, by column.
type Cells = Vec<(&'static str, Option<String>)>;

/// What links follow from, besides the records.
pub(crate) struct Evidence<'a> {
    /// Holds the links of the night before.
    pub(crate) lake: &'a Lake,
    /// What people decided.
    pub(crate) annotations: &'a Annotations,
    /// Business day.
    pub(crate) date: NaiveDate,
}

/// Rows of a built-in node. Memory grows with records, not with their columns.
pub(crate) async fn rows(
    evidence: &Evidence<'_>,
    context: &SessionContext,
    contract: &TableContract,
) -> Result<SendableRecordBatchStream> {
    let &Evidence { lake, annotations: Annotations { decisions, tags }, date } = evidence;
    let rows: Vec<Cells> = match contract.table.as_str() {
        PERSON_LINK => {
            let known = origins(lake, date).await?;
            resolve(records(context).await?, decisions, &known, date)
                .into_iter()
                .map(link_cells)
                .collect()
        }
        IDENTITY_DECISION => {
            let known = known_records(context).await?;
            let here = |one: &&Decision| known.contains(&one.left) && known.contains(&one.right);
            decisions.iter().filter(here).map(decision_cells).collect()
        }
        MANUAL_TAG => {
            let known = known_records(context).await?;
            tags.iter().filter(|one| known.contains(&one.record)).map(tag_cells).collect()
        }
        _ => {
            let links = links(context).await?;
            let here: HashSet<&str> = links.iter().map(|link| link.record.as_str()).collect();
            let mut before = merges(lake, &contract.table).await?;
            // Nothing is left to undo where a source has lost the record.
            before.retain(|merge| {
                here.contains(&*merge.winner_record) && here.contains(&*merge.loser_record)
            });
            merge_log(before, &links, decisions, date).into_iter().map(merge_cells).collect()
        }
    };
    stream(contract, &rows)
}

fn link_cells(link: Link) -> Cells {
    vec![
        ("record_id", Some(link.record)),
        ("person_id", Some(link.person)),
        ("origin_person_id", Some(link.origin.person)),
        ("origin_on", Some(link.origin.since.to_string())),
    ]
}

fn decision_cells(decision: &Decision) -> Cells {
    let word = if decision.is_same { "same" } else { "different" };
    vec![
        ("left_record_id", Some(decision.left.clone())),
        ("right_record_id", Some(decision.right.clone())),
        ("decision", Some(word.to_owned())),
        ("decided_by", Some(decision.decided_by.clone())),
        ("decided_on", Some(decision.decided_on.to_string())),
    ]
}

fn tag_cells(tag: &ManualTag) -> Cells {
    vec![
        ("tag_id", Some(format!("manual:{}", tag.id))),
        ("record_id", Some(tag.record.clone())),
        ("tag", Some(tag.tag.clone())),
        ("value", tag.value.clone()),
        ("from_at", Some(tag.from.to_rfc3339())),
        ("to_at", tag.to.map(|at| at.to_rfc3339())),
        ("given_by", Some(tag.given_by.clone())),
    ]
}

fn merge_cells(merge: Merge) -> Cells {
    let id = format!("{}>{}:{}", merge.loser, merge.winner, merge.merged_on);
    vec![
        ("merge_id", Some(id)),
        ("winner_person_id", Some(merge.winner)),
        ("loser_person_id", Some(merge.loser)),
        ("winner_record_id", Some(merge.winner_record)),
        ("loser_record_id", Some(merge.loser_record)),
        ("merged_on", Some(merge.merged_on.to_string())),
        ("is_decided", Some(merge.is_decided.to_string())),
        ("reversed_on", merge.reversed_on.map(|day| day.to_string())),
    ]
}

/// The records of tonight with their keys. A key holds its column's name: the same text in two
/// columns is not the same fact.
async fn records(context: &SessionContext) -> Result<Vec<Record>> {
    let frame = context.table(PERSON_RECORD).await?;
    let names = frame.schema().fields().iter().map(|field| field.name().clone());
    let keys: Vec<String> = names.filter(|name| name.starts_with(KEY)).collect();
    let columns: Vec<&str> =
        std::iter::once(RECORD).chain(keys.iter().map(String::as_str)).collect();
    let mut rows = frame.select_columns(&columns)?.execute_stream().await?;
    let mut records = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        each(&batch, |cells| {
            let Some(Some(id)) = cells.first() else { return };
            let values = cells.iter().skip(1).zip(&keys);
            let own = values.filter_map(|(value, name)| {
                let value = value.filter(|value| !value.is_empty())?;
                Some(format!("{name}={value}"))
            });
            records.push(Record { id: (*id).to_owned(), keys: own.collect() });
        })?;
    }
    Ok(records)
}

async fn known_records(context: &SessionContext) -> Result<HashSet<String>> {
    let frame = context.table(PERSON_RECORD).await?.select_columns(&[RECORD])?;
    let mut known = HashSet::new();
    for batch in frame.collect().await? {
        each(&batch, |cells| known.extend(cells[0].map(str::to_owned)))?;
    }
    Ok(known)
}

/// Tonight's links.
async fn links(context: &SessionContext) -> Result<Vec<Link>> {
    let columns = [RECORD, "person_id", "origin_person_id", "origin_on"];
    let frame = context.table(PERSON_LINK).await?.select_columns(&columns)?;
    let mut links = Vec::new();
    for batch in frame.collect().await? {
        each(&batch, |cells| {
            if let [Some(record), Some(person), Some(origin), Some(since)] = cells
                && let Ok(since) = since.parse()
            {
                let origin = Origin { since, person: (*origin).to_owned() };
                let (record, person) = ((*record).to_owned(), (*person).to_owned());
                links.push(Link { record, person, origin });
            }
        })?;
    }
    Ok(links)
}

/// What records were first seen as. A night that is run again for an earlier day finds what later
/// nights knew; no origin is younger than tonight.
async fn origins(lake: &Lake, date: chrono::NaiveDate) -> Result<HashMap<String, Origin>> {
    let columns = [RECORD, "origin_person_id", "origin_on"];
    let mut known = HashMap::new();
    for batch in before(lake, PERSON_LINK, &columns).await? {
        each(&batch, |cells| {
            if let [Some(record), Some(person), Some(since)] = cells
                && let Ok(since) = since.parse::<chrono::NaiveDate>()
            {
                let origin = Origin { since: since.min(date), person: (*person).to_owned() };
                known.insert((*record).to_owned(), origin);
            }
        })?;
    }
    Ok(known)
}

async fn merges(lake: &Lake, table: &str) -> Result<Vec<Merge>> {
    let columns = [
        "winner_person_id",
        "loser_person_id",
        "winner_record_id",
        "loser_record_id",
        "merged_on",
        "is_decided",
        "reversed_on",
    ];
    let mut merges = Vec::new();
    for batch in before(lake, table, &columns).await? {
        each(&batch, |cells| {
            if let [Some(winner), Some(loser), Some(kept), Some(came), Some(on), decided, back] =
                cells
                && let Ok(merged_on) = on.parse()
            {
                merges.push(Merge {
                    winner: (*winner).to_owned(),
                    loser: (*loser).to_owned(),
                    winner_record: (*kept).to_owned(),
                    loser_record: (*came).to_owned(),
                    merged_on,
                    is_decided: *decided == Some("true"),
                    reversed_on: back.and_then(|day| day.parse().ok()),
                });
            }
        })?;
    }
    Ok(merges)
}

/// What `table` held before this build; nothing of a table that is new or had other columns.
async fn before(lake: &Lake, table: &str, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let outside = |cause| DataFusionError::External(Box::new(cause));
    let id = TableId::hub(table);
    let Some(version) = lake.table(&id).version().await.map_err(outside)? else {
        return Ok(Vec::new());
    };
    let provider = lake.provider(&id, version).await.map_err(outside)?;
    let schema = provider.schema();
    if columns.iter().any(|column| schema.field_with_name(column).is_err()) {
        return Ok(Vec::new());
    }
    let context = SessionContext::new();
    context.read_table(provider)?.select_columns(columns)?.collect().await
}

/// Hands every row of a batch on as texts.
fn each(batch: &RecordBatch, mut row: impl FnMut(&[Option<&str>])) -> Result<()> {
    let texts = batch
        .columns()
        .iter()
        .map(|column| Ok(arrow::compute::cast(column, &DataType::Utf8)?))
        .collect::<Result<Vec<ArrayRef>>>()?;
    let columns: Vec<&StringArray> = texts.iter().map(|text| text.as_string::<i32>()).collect();
    let mut cells = Vec::with_capacity(columns.len());
    for at in 0..batch.num_rows() {
        cells.clear();
        cells.extend(columns.iter().map(|text| text.is_valid(at).then(|| text.value(at))));
        row(&cells);
    }
    Ok(())
}

/// Rows as the contract has them; what the contract does not name is left out.
fn stream(contract: &TableContract, rows: &[Cells]) -> Result<SendableRecordBatchStream> {
    let declared = arrow_schema(contract);
    let fields = declared.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batches: Vec<Result<RecordBatch>> =
        rows.chunks(BATCH_ROWS).map(|rows| batch(&schema, rows)).collect();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
}

fn batch(schema: &SchemaRef, rows: &[Cells]) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| {
        let cell = |row: &Cells| {
            row.iter().find(|(name, _)| name == field.name()).and_then(|(_, cell)| cell.clone())
        };
        let texts = StringArray::from_iter(rows.iter().map(cell));
        Ok(arrow::compute::cast(&texts, field.data_type())?)
    });
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<Vec<ArrayRef>>>()?)?)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    #[tokio::test]
    async fn records_carry_the_keys_they_have() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("record_id", DataType::Utf8, true),
            Field::new("name", DataType::Utf8, true),
            Field::new("key_card", DataType::Utf8, true),
            Field::new("key_mrn", DataType::Utf8, true),
        ]));
        let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let columns = vec![
            text(vec![Some("his:1"), Some("crm:1"), None]),
            text(vec![Some("a"); 3]),
            text(vec![Some("x"), Some(""), Some("z")]),
            text(vec![Some("x"), None, Some("8")]),
        ];
        let batch = RecordBatch::try_new(schema, columns).expect("columns fit");
        let context = SessionContext::new();
        context.register_batch(PERSON_RECORD, batch).expect("registered");
        let found = records(&context).await.expect("records");
        assert_eq!(found.len(), 2, "a row without an id is nobody");
        assert_eq!(found[0].keys, ["key_card=x", "key_mrn=x"], "one text, two facts");
        assert_eq!(found[1].keys, [""; 0], "empty keys link nothing");
    }
}
