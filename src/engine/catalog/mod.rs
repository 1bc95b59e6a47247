//! What SQL can name in one session: schemas `hub`, `metrics`, `ops`, `information_schema`, and
//! `raw` for principals that see the whole group.
//!
//! Tables are opened when a statement first names them and never change afterwards, because a
//! session reads one snapshot. What a principal may not see is not there at all.

mod freshness;
mod hub;
mod information;
mod metrics;
mod ops;
mod raw;
mod runs;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use hub_domain::Principal;
use hub_domain::clock::SharedClock;
use hub_domain::freshness::Expectations;
use hub_domain::snapshot::Snapshot;
use hub_lake::{Contracts, Lake};
use tokio::sync::Mutex;

use crate::Registry;
use crate::context::{HUB, RAW};
use crate::policy::{self, Persons};

pub(crate) use runs::PastRuns;

/// Schema with one view per metric.
pub(crate) const METRICS: &str = "metrics";
/// Schema about the data itself.
pub(crate) const OPS: &str = "ops";
/// The standard's schema of names.
pub(crate) const INFORMATION: &str = "information_schema";

/// What decides which tables there are and what they hold.
pub(crate) struct Scope {
    pub(crate) lake: Lake,
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) principal: Principal,
    pub(crate) runs: PastRuns,
    pub(crate) expectations: Expectations,
    pub(crate) zone: Tz,
    pub(crate) clock: SharedClock,
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope")
            .field("snapshot", &self.snapshot.id)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

impl Scope {
    pub(crate) fn sees_group(&self) -> bool {
        policy::sees_group(&self.principal)
    }
}

/// The catalog of one policy on one snapshot, for one kind of door.
#[derive(Debug)]
pub(crate) struct HubCatalog {
    schemas: BTreeMap<&'static str, Arc<dyn SchemaProvider>>,
}

impl HubCatalog {
    /// `state` parses the expressions of metrics; `masked` says whether direct identifiers are
    /// masked, as doors for users' SQL do.
    pub(crate) fn new(
        scope: &Arc<Scope>,
        persons: &Arc<Persons>,
        state: &Arc<SessionState>,
        masked: bool,
    ) -> Self {
        let hub = Arc::new(hub::HubSchema::new(scope, persons, masked));
        let metrics = Arc::new(metrics::MetricSchema::new(scope, &hub, state));
        let mut schemas: BTreeMap<&'static str, Arc<dyn SchemaProvider>> = BTreeMap::new();
        schemas.insert(OPS, Arc::new(ops::OpsSchema::new(scope, &hub)));
        schemas.insert(HUB, hub);
        schemas.insert(METRICS, metrics);
        if scope.sees_group() {
            schemas.insert(RAW, Arc::new(raw::RawSchema::new(scope)));
        }
        let information = Arc::new(information::InformationSchema::new(schemas.clone()));
        schemas.insert(INFORMATION, information);
        Self { schemas }
    }
}

impl CatalogProvider for HubCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.keys().map(|name| (*name).to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.schemas.get(name).cloned()
    }
}

/// Tables opened so far; each is opened once.
#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<BTreeMap<String, Arc<dyn TableProvider>>>);

impl Opened {
    /// The table `name`, opened with `open` when nobody has asked for it before.
    pub(crate) async fn get<F>(&self, name: &str, open: F) -> Result<Arc<dyn TableProvider>>
    where
        F: Future<Output = Result<Arc<dyn TableProvider>>>,
    {
        if let Some(table) = self.0.lock().await.get(name) {
            return Ok(Arc::clone(table));
        }
        let table = open.await?;
        self.0.lock().await.insert(name.to_owned(), Arc::clone(&table));
        Ok(table)
    }
}

/// A failure of the lake or of this room inside the query engine's error.
pub(crate) fn external(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> DataFusionError {
    DataFusionError::External(error.into())
}
