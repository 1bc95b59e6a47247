//! `LakeTable`: one version of a Delta table as a DataFusion table.
//!
//! Reads the log once, then plans every scan from memory: partitions and file bounds decide
//! which files are opened, Parquet statistics, page indexes and bloom filters decide which pages.
//! It never filters by itself; every predicate is also evaluated on rows.

mod bounds;
mod files;
mod loads;
mod reader;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result, Statistics, project_schema};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use deltalake_core::table::state::DeltaTableState;
use object_store::ObjectStore;

use self::bounds::FileBounds;
use self::files::DataFile;
pub use self::loads::MainLoad;
use self::reader::{IndexedReaders, Origin};
use crate::write::plain;
use crate::{Lake, LakeError, TableId};

/// One version of one table, ready to be scanned.
#[derive(Clone)]
pub struct LakeTable {
    id: TableId,
    version: u64,
    /// Columns as the table declares them.
    schema: SchemaRef,
    /// Columns as files have them: partition columns last.
    file_order: TableSchema,
    /// Position in `file_order` of each column of `schema`.
    positions: Vec<usize>,
    files: Vec<DataFile>,
    store_url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
}

impl std::fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LakeTable({} at version {})", self.id, self.version)
    }
}

impl LakeTable {
    /// Reads the log of `id` at `version`.
    pub(crate) async fn load(lake: &Lake, id: &TableId, version: u64) -> Result<Self, LakeError> {
        let handle = lake.table(id);
        let missing = || LakeError::NoTable { table: id.key(), version: Some(version) };
        // A version that is not there although later ones are is damage, not absence.
        let state = handle.state(Some(version)).await?.ok_or_else(missing)?;
        refuse_what_we_misread(id, &state)?;
        let partitions = state.metadata().partition_columns().to_vec();
        let schema = declared_schema(&state);
        let is_partition = |name: &String| partitions.contains(name);
        let (mut in_files, mut in_paths) = (Vec::new(), Vec::new());
        for field in schema.fields() {
            let place = if is_partition(field.name()) { &mut in_paths } else { &mut in_files };
            place.push(Arc::clone(field));
        }
        let file_order = TableSchema::builder(Arc::new(Schema::new(in_files)))
            .with_table_partition_cols(in_paths)
            .build();
        let ordered = file_order.table_schema();
        let position = |field: &Arc<arrow::datatypes::Field>| ordered.index_of(field.name()).ok();
        let positions = schema.fields().iter().filter_map(position).collect();
        let files = files::of_state(lake, id, &state, &file_order)?;
        let place = lake.place();
        let origin = &place.url[..url::Position::BeforePath];
        let store_url = ObjectStoreUrl::parse(origin).map_err(|error| LakeError::Address {
            url: place.url.to_string(),
            reason: error.to_string(),
        })?;
        let (id, store) = (id.clone(), Arc::clone(&place.root));
        Ok(Self { id, version, schema, file_order, positions, files, store_url, store })
    }

    /// The table's id.
    #[must_use]
    pub fn id(&self) -> &TableId {
        &self.id
    }

    /// The version scanned.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Rows of this version, when every file says how many it has.
    #[must_use]
    pub fn row_count(&self) -> Option<u64> {
        self.files.iter().map(|file| file.rows.map(|rows| rows as u64)).sum()
    }

    /// Files of this version.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// The same version as if it had only the files at `paths` below the table's root, read in
    /// this order.
    pub(crate) fn only(&self, lake: &Lake, paths: &[String]) -> Self {
        let root = lake.place().absolute(&self.id.path());
        let at = |file: &DataFile| {
            let path = below(&root, file.location())?;
            paths.iter().position(|wanted| *wanted == path)
        };
        let mut kept: Vec<(usize, DataFile)> =
            self.files.iter().filter_map(|file| Some((at(file)?, file.clone()))).collect();
        kept.sort_by_key(|(place, _)| *place);
        Self { files: kept.into_iter().map(|(_, file)| file).collect(), ..self.clone() }
    }

    /// Bytes of the files of this version.
    #[must_use]
    pub fn byte_count(&self) -> u64 {
        self.files.iter().map(DataFile::size).sum()
    }

    /// Files that may hold rows for which all of `filters` are true.
    fn candidates(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&DataFile>> {
        let Some(filter) = conjunction(filters.to_vec()) else {
            return Ok(self.files.iter().collect());
        };
        let df_schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        let predicate = state.create_physical_expr(filter, &df_schema)?;
        let max_in_list = state.config_options().execution.parquet.max_in_list_size;
        let pruning = PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(&self.schema))
            .with_max_in_list_size(max_in_list)
            .build(predicate);
        let Some(pruning) = pruning else { return Ok(self.files.iter().collect()) };
        let keep = pruning.prune(&FileBounds::new(&self.files, self.file_order.table_schema()))?;
        Ok(self.files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let all: Vec<&DataFile> = self.files.iter().collect();
        let in_file_order = bounds::summary(&all, self.file_order.table_schema());
        Some(in_file_order.project(Some(&self.positions)))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Files are skipped by bounds, rows are filtered by the scan or above it.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let chosen = self.candidates(state, filters)?;
        if chosen.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let runtime = state.runtime_env();
        runtime.register_object_store(self.store_url.as_ref(), Arc::clone(&self.store));
        let mut options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        options.global.pushdown_filters = true;
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(Arc::clone(&self.store), cache);
        let origin = Arc::new(Origin {
            store: Arc::clone(&self.store),
            table: self.id.key(),
            version: self.version,
        });
        let reader = IndexedReaders { inner: reader, origin };
        let source = ParquetSource::new(self.file_order.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(reader));
        let wanted = match projection {
            Some(columns) => columns.iter().map(|&column| self.positions[column]).collect(),
            None => self.positions.clone(),
        };
        let groups = files::groups(&chosen, state.config().target_partitions());
        let config = FileScanConfigBuilder::new(self.store_url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(bounds::summary(&chosen, self.file_order.table_schema()))
            .with_projection_indices(Some(wanted))?
            .with_limit(if filters.is_empty() { limit } else { None })
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// Deletion vectors and renamed columns change what the files mean; a reader that ignores them
/// answers wrongly without a word.
fn refuse_what_we_misread(id: &TableId, state: &DeltaTableState) -> Result<(), LakeError> {
    let refuse = |feature: &str| {
        Err(LakeError::Unsupported { table: id.key(), feature: feature.to_owned() })
    };
    let mapping = state.metadata().configuration().get("delta.columnMapping.mode");
    if mapping.is_some_and(|mode| mode != "none") {
        return refuse("column mapping");
    }
    if state.log_data().iter().any(|file| file.deletion_vector_descriptor().is_some()) {
        return refuse("deletion vectors");
    }
    Ok(())
}

/// Text of `path` below `root`.
fn below(root: &object_store::path::Path, path: &object_store::path::Path) -> Option<String> {
    Some(
        path.prefix_match(root)?.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"),
    )
}

/// The declared schema without the dictionaries some readers wrap partition columns in.
fn declared_schema(state: &DeltaTableState) -> SchemaRef {
    let held = state.snapshot().arrow_schema();
    let fields = held.fields().iter().map(|field| {
        let data_type = plain(field.data_type()).clone();
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
