//! Rows to Parquet files: one open file at a time, because rows arrive partition by partition.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use uuid::Uuid;

use super::{WriteSpec, encoding, stats};
use crate::LakeError;

/// Size at which a file is closed and the next one begun.
pub(crate) const FILE_BYTES: usize = 128 << 20;

/// A file written and not yet committed.
#[derive(Debug, Clone)]
pub(super) struct DataFile {
    /// Path below the table's root.
    pub(super) path: Path,
    /// Value of the partition column, when the table has one.
    pub(super) partition: Option<Option<String>>,
    /// Size in bytes.
    pub(super) size: u64,
    /// Rows.
    pub(super) rows: u64,
    /// Statistics JSON.
    pub(super) stats: String,
}

struct OpenFile {
    path: Path,
    partition: Option<Option<String>>,
    writer: AsyncArrowWriter<BufWriter>,
}

/// Writes files of one table.
pub(super) struct FileWriter<'a> {
    table: &'a str,
    store: Arc<dyn ObjectStore>,
    spec: &'a WriteSpec,
    file_schema: SchemaRef,
    open: Option<OpenFile>,
    done: Vec<DataFile>,
}

impl<'a> FileWriter<'a> {
    /// A writer of files below the table's root, which `store` is.
    pub(super) fn new(
        table: &'a str,
        store: Arc<dyn ObjectStore>,
        spec: &'a WriteSpec,
    ) -> Result<Self, LakeError> {
        let is_file_column = |field: &&Arc<Field>| Some(field.name()) != spec.partition_by.as_ref();
        let fields: Vec<_> = spec.schema.fields().iter().filter(is_file_column).cloned().collect();
        let file_schema = Arc::new(Schema::new(fields));
        Ok(Self { table, store, spec, file_schema, open: None, done: Vec::new() })
    }

    /// Writes every row of `rows`, which come partition by partition.
    pub(super) async fn write_all(
        mut self,
        mut rows: SendableRecordBatchStream,
    ) -> Result<Vec<DataFile>, LakeError> {
        loop {
            let next = rows.try_next().await;
            let batch = next.map_err(|error| LakeError::rows(self.table, "read", error))?;
            let Some(batch) = batch else { break };
            if batch.num_rows() > 0 {
                self.write_batch(&batch).await?;
            }
        }
        self.finish_file().await?;
        Ok(self.done)
    }

    async fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let batch = self.conform(batch)?;
        let Some(column) = &self.spec.partition_by else {
            return self.write_rows(None, &batch).await;
        };
        let encoded = |error| LakeError::rows(self.table, "encoded", error);
        let index = batch.schema().index_of(column).map_err(encoded)?;
        let values = Arc::clone(batch.column(index));
        let runs = partition(&[Arc::clone(&values)]).map_err(encoded)?.ranges();
        let mut rows = batch;
        rows.remove_column(index);
        let texts = values.as_string::<i32>();
        for run in runs {
            let value = texts.is_valid(run.start).then(|| texts.value(run.start).to_owned());
            let part = rows.slice(run.start, run.len());
            self.write_rows(Some(value), &part).await?;
        }
        Ok(())
    }

    /// The batch with exactly the declared schema; a NULL where none may be is refused here.
    fn conform(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let schema = &self.spec.schema;
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let column = batch.column_by_name(field.name()).ok_or_else(|| self.missing(field))?;
            if column.data_type() != field.data_type() {
                return Err(LakeError::SchemaConflict {
                    table: self.table.to_owned(),
                    column: field.name().clone(),
                    found: column.data_type().to_string(),
                    expected: field.data_type().to_string(),
                });
            }
            columns.push(Arc::clone(column));
        }
        RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|error| LakeError::rows(self.table, "encoded", error))
    }

    fn missing(&self, field: &Field) -> LakeError {
        let reason = format!("the rows have no column `{}`", field.name());
        LakeError::BadWrite { table: self.table.to_owned(), reason }
    }

    async fn write_rows(
        &mut self,
        partition: Option<Option<String>>,
        rows: &RecordBatch,
    ) -> Result<(), LakeError> {
        if self.open.as_ref().is_some_and(|open| open.partition != partition) {
            self.finish_file().await?;
        }
        if self.open.is_none() {
            self.open = Some(self.begin_file(partition, rows)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.writer.write(rows).await;
        written.map_err(|error| LakeError::rows(self.table, "encoded", error))?;
        if open.writer.bytes_written() + open.writer.in_progress_size() >= FILE_BYTES {
            self.finish_file().await?;
        }
        Ok(())
    }

    fn begin_file(
        &self,
        partition: Option<Option<String>>,
        first: &RecordBatch,
    ) -> Result<OpenFile, LakeError> {
        let encoded = |error| LakeError::rows(self.table, "encoded", error);
        // A name nobody else can choose: an attempt that is killed must never share a file with
        // the attempt that follows.
        let name = format!("part-{:05}-{}.zstd.parquet", self.done.len(), Uuid::new_v4());
        let path = match (&self.spec.partition_by, &partition) {
            (Some(column), Some(value)) => {
                let value = self.folder_value(value.as_deref())?;
                Path::from_iter([format!("{column}={value}"), name])
            }
            _ => Path::from(name),
        };
        let sink = BufWriter::new(Arc::clone(&self.store), path.clone());
        let schema = Arc::clone(&self.file_schema);
        let properties = encoding::properties(&schema, &self.spec.sort, first).map_err(encoded)?;
        let writer = AsyncArrowWriter::try_new(sink, schema, Some(properties)).map_err(encoded)?;
        Ok(OpenFile { path, partition, writer })
    }

    /// Folder name of a partition value. Only plain characters: partitions are months and codes,
    /// and every reader agrees on how those are written in a path.
    fn folder_value(&self, value: Option<&str>) -> Result<String, LakeError> {
        let Some(value) = value else { return Ok("__HIVE_DEFAULT_PARTITION__".to_owned()) };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if value.is_empty() || !value.chars().all(plain) {
            let reason = "a partition value holds more than letters, digits, `-`, `_` and `.`";
            return Err(LakeError::BadWrite {
                table: self.table.to_owned(),
                reason: reason.to_owned(),
            });
        }
        Ok(value.to_owned())
    }

    async fn finish_file(&mut self) -> Result<(), LakeError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let encoded = |error| LakeError::rows(self.table, "encoded", error);
        let metadata = open.writer.finish().await.map_err(encoded)?;
        let stats = stats::of_file(&self.file_schema, &metadata).map_err(encoded)?;
        self.done.push(DataFile {
            path: open.path,
            partition: open.partition,
            size: open.writer.bytes_written() as u64,
            rows: u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default(),
            stats,
        });
        Ok(())
    }
}
