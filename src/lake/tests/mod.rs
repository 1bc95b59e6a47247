//! Tests of the lake over real tables in temporary folders.

mod differential;
mod faults;
mod publish;
mod read;
mod upkeep;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use tempfile::TempDir;

use crate::{Lake, TableId, Txn, WriteMode, WriteSpec};

/// A lake in a folder that goes away.
pub(super) struct Folder {
    pub(super) lake: Lake,
    pub(super) folder: TempDir,
}

pub(super) fn lake() -> Folder {
    let folder = TempDir::new().expect("temporary folder");
    let lake = reopen(&folder);
    Folder { lake, folder }
}

/// Another process's view of the same lake.
pub(super) fn reopen(folder: &TempDir) -> Lake {
    let url = format!("file://{}/lake", folder.path().display());
    Lake::open(&url, &BTreeMap::new()).expect("lake opens")
}

pub(super) fn visit() -> TableId {
    TableId::hub("visit")
}

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("visit_id", DataType::Utf8, true),
        Field::new("month", DataType::Utf8, true),
        Field::new("fee_fen", DataType::Int64, true),
    ]))
}

/// Visits `(id, month, fee)`.
pub(super) fn visits(rows: &[(&str, &str, i64)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)));
    let months: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)));
    let fees: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)));
    RecordBatch::try_new(schema(), vec![ids, months, fees]).expect("columns fit")
}

pub(super) fn stream(batches: Vec<RecordBatch>, schema: SchemaRef) -> SendableRecordBatchStream {
    let rows = futures::stream::iter(batches.into_iter().map(Ok));
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

pub(super) fn spec(mode: WriteMode, app_id: &str, version: i64) -> WriteSpec {
    let mut spec = WriteSpec::new(schema(), mode, Txn { app_id: app_id.into(), version });
    spec.partition_by = Some("month".into());
    spec
}

/// A session over one version of a table named `t`.
pub(super) async fn session(lake: &Lake, id: &TableId, version: u64) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(2);
    let context = SessionContext::new_with_config(config);
    let provider = lake.provider(id, version).await.expect("provider");
    context.register_table("t", provider).expect("registered");
    context
}

/// Answer of `sql` as sorted lines.
pub(super) async fn answer(context: &SessionContext, sql: &str) -> Vec<String> {
    let frame = context.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let batches = frame.collect().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let text = arrow::util::pretty::pretty_format_batches(&batches).expect("formatted").to_string();
    let mut lines: Vec<String> = text
        .lines()
        .skip(3)
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|').map(str::trim);
            cells.collect::<Vec<_>>().join(",")
        })
        .collect();
    lines.sort();
    lines
}

/// Rows `id,month,fee` of a version.
pub(super) async fn rows(lake: &Lake, version: u64) -> Vec<String> {
    let context = session(lake, &visit(), version).await;
    answer(&context, "select visit_id, month, fee_fen from t").await
}
