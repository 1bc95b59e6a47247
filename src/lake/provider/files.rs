//! The files of a table version, as the log describes them.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use chrono::DateTime;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_optimizer::pruning::PruningStatistics;
use deltalake_core::kernel::LogDataHandler;
use deltalake_core::table::state::DeltaTableState;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde_json::{Map, Value};

use crate::write::EXACT_DIGITS;
use crate::{Lake, LakeError, TableId};

/// What the log says about one column of one file.
#[derive(Debug, Clone)]
pub(super) struct ColumnBounds {
    /// No value is smaller; none when unknown.
    pub(super) low: Option<ScalarValue>,
    /// No value is larger; none when unknown.
    pub(super) high: Option<ScalarValue>,
    /// NULLs.
    pub(super) nulls: Option<u64>,
    /// Whether `low` and `high` occur, rather than enclose.
    pub(super) exact: bool,
}

/// One file of a table version.
#[derive(Debug, Clone)]
pub(super) struct DataFile {
    /// Where it is in the whole store.
    meta: ObjectMeta,
    /// Values of the partition columns.
    partition: Vec<ScalarValue>,
    /// Rows, when known.
    pub(super) rows: Option<usize>,
    /// Bounds of every column, partition columns last.
    pub(super) columns: Vec<ColumnBounds>,
}

impl DataFile {
    /// Where it is in the whole store.
    pub(super) fn location(&self) -> &Path {
        &self.meta.location
    }

    /// Size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.meta.size
    }
}

/// Bounds of one column over all files, as the log holds them.
struct LogColumn {
    low: Option<ArrayRef>,
    high: Option<ArrayRef>,
}

/// Reads every file of `state`, in path order.
pub(super) fn of_state(
    lake: &Lake,
    id: &TableId,
    state: &DeltaTableState,
    schema: &TableSchema,
) -> Result<Vec<DataFile>, LakeError> {
    let log = state.log_data();
    let in_files = schema.file_schema().fields();
    let columns: Vec<LogColumn> =
        in_files.iter().map(|field| LogColumn::read(&log, field.name())).collect();
    let mut files = Vec::with_capacity(log.num_files());
    for (index, file) in log.iter().enumerate() {
        let values = file.partition_values_map();
        let mut partition = Vec::new();
        for field in schema.table_partition_cols() {
            let text = values.get(field.name()).cloned().flatten();
            partition.push(partition_value(id, text, field.data_type())?);
        }
        let rows = file.num_records();
        let nulls = null_counts(file.stats());
        let mut bounds: Vec<ColumnBounds> = columns
            .iter()
            .zip(in_files)
            .map(|(column, field)| {
                let nulls = nulls.get(field.name()).and_then(Value::as_u64);
                column.of_file(index, field.data_type(), nulls)
            })
            .collect();
        bounds.extend(partition.iter().map(|value| constant(value, rows)));
        let below = Path::from_iter(id.path().parts().chain(file.object_store_path().parts()));
        let meta = ObjectMeta {
            location: lake.place().absolute(&below),
            last_modified: DateTime::from_timestamp_millis(file.modification_time())
                .unwrap_or_default(),
            size: u64::try_from(file.size()).unwrap_or_default(),
            e_tag: None,
            version: None,
        };
        files.push(DataFile { meta, partition, rows, columns: bounds });
    }
    files.sort_by(|a, b| a.meta.location.cmp(&b.meta.location));
    Ok(files)
}

impl LogColumn {
    fn read(log: &LogDataHandler<'_>, name: &str) -> Self {
        let column = Column::from_name(name);
        Self { low: log.min_values(&column), high: log.max_values(&column) }
    }

    fn of_file(&self, index: usize, data_type: &DataType, nulls: Option<u64>) -> ColumnBounds {
        let at = |array: &Option<ArrayRef>| {
            let value = ScalarValue::try_from_array(array.as_ref()?, index).ok()?;
            (!value.is_null() && value.data_type() == *data_type).then_some(value)
        };
        let (low, high) = match trusted(data_type) {
            true => (at(&self.low), at(&self.high).map(widened)),
            false => (None, None),
        };
        let exact = matches!(data_type, DataType::Int64 | DataType::Date32);
        ColumnBounds { low, high, nulls, exact }
    }
}

/// NULLs of each column: the log's own reader types them like their column, so it answers for
/// numbers alone.
fn null_counts(stats: Option<String>) -> Map<String, Value> {
    let parsed: Option<Value> = stats.and_then(|stats| serde_json::from_str(&stats).ok());
    match parsed.and_then(|mut stats| stats.get_mut("nullCount").map(Value::take)) {
        Some(Value::Object(counts)) => counts,
        _ => Map::new(),
    }
}

/// Whether the log's bounds of a type enclose its values: wide decimals went through a float.
fn trusted(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= EXACT_DIGITS,
        DataType::Int64 | DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..) => true,
        _ => false,
    }
}

/// Other writers cut the bounds of instants down to the millisecond.
fn widened(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::TimestampMicrosecond(Some(micros), zone) if micros % 1_000 == 0 => {
            ScalarValue::TimestampMicrosecond(Some(micros.saturating_add(999)), zone)
        }
        other => other,
    }
}

fn partition_value(
    id: &TableId,
    text: Option<String>,
    data_type: &DataType,
) -> Result<ScalarValue, LakeError> {
    let parsed = match text {
        Some(text) => ScalarValue::try_from_string(text, data_type),
        None => ScalarValue::try_from(data_type),
    };
    parsed.map_err(|_| LakeError::Unsupported {
        table: id.key(),
        feature: format!("a partition column of type `{data_type}`"),
    })
}

fn constant(value: &ScalarValue, rows: Option<usize>) -> ColumnBounds {
    let known = (!value.is_null()).then(|| value.clone());
    let nulls = if value.is_null() { rows.map(|rows| rows as u64) } else { Some(0) };
    ColumnBounds { low: known.clone(), high: known, nulls, exact: true }
}

/// Spreads files over at most `wanted` groups of like size, keeping path order inside a group.
pub(super) fn groups(files: &[&DataFile], wanted: usize) -> Vec<FileGroup> {
    let count = wanted.clamp(1, files.len().max(1));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); count];
    for file in files {
        let lightest = groups.iter_mut().min_by_key(|(bytes, _)| *bytes);
        let Some((bytes, group)) = lightest else { break };
        *bytes += file.size().max(1);
        let part = PartitionedFile::new_from_meta(file.meta.clone());
        group.push(part.with_partition_values(file.partition.clone()));
    }
    let filled = groups.into_iter().filter(|(_, group)| !group.is_empty());
    filled.map(|(_, group)| FileGroup::new(group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_cut_to_the_millisecond_are_widened() {
        let instant = |micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()));
        assert_eq!(widened(instant(5_000)), instant(5_999));
        assert_eq!(widened(instant(5_001)), instant(5_001));
    }

    #[test]
    fn decimals_a_float_cannot_hold_are_not_trusted() {
        assert!(trusted(&DataType::Decimal128(12, 2)));
        assert!(!trusted(&DataType::Decimal128(16, 2)));
        assert!(!trusted(&DataType::Float64));
    }
}
