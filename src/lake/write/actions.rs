//! Delta log actions of a write: protocol, metadata, added and removed files.
//!
//! Tables stay at reader 1, writer 2, the protocol every Delta reader knows: instants are UTC,
//! there are no deletion vectors and no column mapping.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::{Action, Add, LogicalFileView};
use deltalake_core::table::state::DeltaTableState;
use serde_json::{Value, json};
use uuid::Uuid;

use super::files::DataFile;
use super::{WriteMode, WriteSpec};
use crate::LakeError;

/// Actions that create a table fit for `spec`.
pub(super) fn create(
    table: &str,
    spec: &WriteSpec,
    now_millis: i64,
) -> Result<Vec<Action>, LakeError> {
    let protocol = json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } });
    let metadata = json!({ "metaData": {
        "id": Uuid::new_v4().to_string(),
        "name": null,
        "description": null,
        "format": { "provider": "parquet", "options": {} },
        "schemaString": schema_string(table, &spec.schema)?,
        "partitionColumns": partition_columns(spec),
        // Statistics of every column: wide tables are pruned by columns beyond the usual 32.
        "configuration": { "delta.dataSkippingNumIndexedCols": "-1" },
        "createdTime": now_millis,
    }});
    Ok(vec![action(table, protocol)?, action(table, metadata)?])
}

/// New metadata when the columns of `spec` differ from the table's; none when they are the same.
///
/// An overwrite may change everything. Other writes may leave columns out and add new ones; the
/// rows that were there before have NULL in those.
pub(super) fn evolve(
    table: &str,
    state: &DeltaTableState,
    spec: &WriteSpec,
) -> Result<Option<Action>, LakeError> {
    let held = state.snapshot().arrow_schema();
    let partitions = state.metadata().partition_columns().to_vec();
    let wanted = match spec.mode {
        WriteMode::Overwrite => spec.schema.as_ref().clone(),
        _ => {
            if partitions != partition_columns(spec) {
                let reason = format!("the table is partitioned by {partitions:?}");
                return Err(LakeError::BadWrite { table: table.to_owned(), reason });
            }
            merged(table, &held, &spec.schema)?
        }
    };
    let text = schema_string(table, &wanted)?;
    let unchanged = text == schema_string(table, &held)? && partitions == partition_columns(spec);
    if unchanged {
        return Ok(None);
    }
    let encode = |error| LakeError::rows(table, "encoded", error);
    let mut metadata: Value = serde_json::to_value(state.metadata()).map_err(encode)?;
    metadata["schemaString"] = json!(text);
    metadata["partitionColumns"] = json!(partition_columns(spec));
    action(table, json!({ "metaData": metadata })).map(Some)
}

fn merged(table: &str, held: &Schema, written: &SchemaRef) -> Result<Schema, LakeError> {
    let mut fields: Vec<Field> = held.fields().iter().map(|f| f.as_ref().clone()).collect();
    for field in written.fields() {
        let found = fields.iter().find(|held| held.name() == field.name());
        match found.map(|held| plain(held.data_type())) {
            None => fields.push(field.as_ref().clone().with_nullable(true)),
            Some(expected) if expected == field.data_type() => {}
            Some(expected) => {
                return Err(LakeError::SchemaConflict {
                    table: table.to_owned(),
                    column: field.name().clone(),
                    found: field.data_type().to_string(),
                    expected: expected.to_string(),
                });
            }
        }
    }
    Ok(Schema::new(fields))
}

/// The value type of a dictionary, or the type itself.
pub(crate) fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

fn partition_columns(spec: &WriteSpec) -> Vec<String> {
    spec.partition_by.iter().cloned().collect()
}

fn schema_string(table: &str, schema: &Schema) -> Result<String, LakeError> {
    let fields = schema.fields().iter().map(|field| {
        Ok(json!({
            "name": field.name(),
            "type": delta_type(table, plain(field.data_type()))?,
            "nullable": field.is_nullable(),
            "metadata": {},
        }))
    });
    let fields = fields.collect::<Result<Vec<_>, LakeError>>()?;
    Ok(json!({ "type": "struct", "fields": fields }).to_string())
}

fn delta_type(table: &str, data_type: &DataType) -> Result<String, LakeError> {
    Ok(match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            "timestamp".to_owned()
        }
        other => {
            return Err(LakeError::Unsupported {
                table: table.to_owned(),
                feature: format!("type `{other}`"),
            });
        }
    })
}

/// Actions that add `files`.
pub(super) fn adds(spec: &WriteSpec, files: &[DataFile], now_millis: i64) -> Vec<Action> {
    let add = |file: &DataFile| {
        let partition = spec.partition_by.clone().zip(file.partition.clone());
        Action::Add(Add {
            path: file.path.to_string(),
            partition_values: partition.into_iter().collect(),
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            modification_time: now_millis,
            data_change: spec.mode.changes_data(),
            stats: Some(file.stats.clone()),
            ..Add::default()
        })
    };
    files.iter().map(add).collect()
}

/// Actions that remove the files the write replaces.
///
/// # Errors
/// `Overtaken` when a file that was to be replaced is gone.
pub(super) fn removes(
    table: &str,
    state: &DeltaTableState,
    spec: &WriteSpec,
) -> Result<Vec<Action>, LakeError> {
    let partition = spec.partition_by.as_deref().unwrap_or_default();
    let replaced = |file: &LogicalFileView| match &spec.mode {
        WriteMode::Append => false,
        WriteMode::Overwrite => true,
        WriteMode::ReplaceMonths(months) => {
            let values = file.partition_values_map();
            let value = values.get(partition).and_then(Option::as_ref);
            value.is_some_and(|value| months.contains(value))
        }
        WriteMode::ReplaceFiles { paths, .. } => paths.contains(file.object_store_path().as_ref()),
    };
    let log = state.log_data();
    let removes: Vec<Action> = log
        .iter()
        .filter(replaced)
        .map(|file| Action::Remove(file.remove_action(spec.mode.changes_data())))
        .collect();
    match &spec.mode {
        WriteMode::ReplaceFiles { paths, .. } if paths.len() != removes.len() => {
            Err(LakeError::Overtaken { table: table.to_owned() })
        }
        _ => Ok(removes),
    }
}

fn action(table: &str, value: Value) -> Result<Action, LakeError> {
    serde_json::from_value(value).map_err(|error| LakeError::rows(table, "encoded", error))
}
