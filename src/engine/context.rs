//! Query contexts: settings, functions, and the memory and disk all of them share.
//!
//! Knows nothing of principals and policies; what a context may read is registered by others.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::optimizer::{self, NewestVersions};
use crate::{EngineConfig, Error, udf};

/// Name of the one catalog every context has.
pub const CATALOG: &str = "clinichub";
/// Schema of canonical tables and marts; names without a schema mean it.
pub const HUB: &str = "hub";
/// Schema of source tables as landed, current rows only.
pub const RAW: &str = "raw";

/// How many consumers a memory error names; more would only fill the log.
const NAMED_CONSUMERS: usize = 5;
/// Parquet footers kept in memory, in bytes.
const METADATA_CACHE: usize = 256 * 1024 * 1024;

/// A context for trusted work such as the nightly build: every setting and function, no policy,
/// with writable schemas `hub` and `raw`.
///
/// # Errors
/// `SetUp` when the spill folder cannot be made.
pub fn build_context(config: &EngineConfig) -> Result<SessionContext, Error> {
    let context = bare_context(config, runtime(config)?);
    let state = SessionStateBuilder::new_from_existing(context.state())
        .with_physical_optimizer_rule(Arc::new(NewestVersions))
        .build();
    let context = SessionContext::new_with_state(state);
    let catalog = MemoryCatalogProvider::new();
    for schema in [HUB, RAW] {
        catalog
            .register_schema(schema, Arc::new(MemorySchemaProvider::new()))
            .map_err(|source| Error::Register { name: schema.to_owned(), source })?;
    }
    context.register_catalog(CATALOG, Arc::new(catalog));
    Ok(context)
}

/// Memory pool, spill folder and caches, shared by everything that is given a clone.
pub(crate) fn runtime(config: &EngineConfig) -> Result<Arc<RuntimeEnv>, Error> {
    let named = NonZeroUsize::new(NAMED_CONSUMERS).expect("a positive constant");
    let pool = TrackConsumersPool::new(FairSpillPool::new(config.memory_bytes), named);
    let disk = DiskManagerBuilder::default().with_max_temp_directory_size(config.spill_bytes);
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .with_metadata_cache_limit(METADATA_CACHE)
        .build_arc()
        .map_err(|error| Error::SetUp(Box::new(error)))
}

/// A context with settings and functions and without a catalog.
pub(crate) fn bare_context(config: &EngineConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
    let state = SessionStateBuilder::new()
        .with_config(session_config(config))
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(optimizer::rules())
        .with_table_factories(std::collections::HashMap::new())
        .build();
    let context = SessionContext::new_with_state(state);
    udf::register(&context, config);
    context
}

fn session_config(config: &EngineConfig) -> SessionConfig {
    let text = |value: &str| ScalarValue::Utf8(Some(value.to_owned()));
    SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, HUB)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false)
        .with_target_partitions(config.target_partitions.max(1))
        .set("datafusion.execution.time_zone", &text(config.zone.name()))
        // Wrong results with it on (apache/datafusion 25414); see tests/settings.rs.
        .set_bool("datafusion.optimizer.enable_leaf_expression_pushdown", false)
        .set_bool("datafusion.execution.parquet.pushdown_filters", true)
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
        .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false)
        // Amounts are never floats: `0.06` is a decimal.
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        // A recursive query without end is stopped by nothing but the deadline.
        .set_bool("datafusion.execution.enable_recursive_ctes", false)
        .set_usize("datafusion.execution.parquet.max_in_list_size", 100)
}
