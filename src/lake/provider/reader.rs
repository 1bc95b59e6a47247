//! Parquet readers that keep page indexes: a look-up by person touches one page of one group, and
//! must not read and parse the index of the whole file for it every time. A file that is missing or
//! cut off is told by the name of its table.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use crate::LakeError;

/// Readers whose footers and page indexes come from the shared metadata cache.
#[derive(Debug)]
pub(super) struct IndexedReaders {
    pub(super) inner: CachedParquetFileReaderFactory,
    pub(super) origin: Arc<Origin>,
}

/// Whose files are read.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Key of the table in snapshots.
    pub(super) table: String,
    pub(super) version: u64,
}

struct IndexedReader {
    inner: Box<dyn AsyncFileReader + Send>,
    origin: Arc<Origin>,
    location: Path,
    /// Size the log tells.
    size: u64,
}

impl Origin {
    /// `error` by the name of the table, when the file itself is to blame.
    async fn told(&self, location: &Path, size: u64, error: ParquetError) -> ParquetError {
        let damage = match self.store.head(location).await {
            Err(object_store::Error::NotFound { .. }) => "is missing",
            Ok(meta) if meta.size != size => "is cut off or garbled",
            // What the store could not deliver says nothing about the file.
            _ if matches!(error, ParquetError::External(_)) => return error,
            _ => "is cut off or garbled",
        };
        ParquetError::External(Box::new(LakeError::DamagedFile {
            table: self.table.clone(),
            version: self.version,
            object: location.to_string(),
            damage,
            source: Box::new(error),
        }))
    }
}

/// Waits for `read`; its failure is told by the name of the table.
async fn named<T>(
    origin: &Origin,
    location: &Path,
    size: u64,
    read: BoxFuture<'_, parquet::errors::Result<T>>,
) -> parquet::errors::Result<T> {
    match read.await {
        Ok(found) => Ok(found),
        Err(error) => Err(origin.told(location, size, error).await),
    }
}

impl ParquetFileReaderFactory for IndexedReaders {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let (location, size) = (file.object_meta.location.clone(), file.object_meta.size);
        let inner = self.inner.create_reader(partition, file, size_hint, metrics)?;
        let origin = Arc::clone(&self.origin);
        Ok(Box::new(IndexedReader { inner, origin, location, size }))
    }
}

impl AsyncFileReader for IndexedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        let Self { inner, origin, location, size } = self;
        named(origin, location, *size, inner.get_bytes(range)).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        let Self { inner, origin, location, size } = self;
        named(origin, location, *size, inner.get_byte_ranges(ranges)).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        // Scans ask for the footer alone, which then is cached without the index. Asked without
        // options, the cache reads both at the first touch and keeps both.
        let Self { inner, origin, location, size } = self;
        named(origin, location, *size, inner.get_metadata(None)).boxed()
    }
}
