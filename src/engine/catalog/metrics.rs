//! Schema `metrics`: one view per public metric, over tables already restricted.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider, view::ViewTable};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use hub_domain::metric::MetricDefinition;

use super::hub::HubSchema;
use super::{Opened, Scope};
use crate::registry::metric_view;

#[derive(Debug)]
pub(super) struct MetricSchema {
    scope: Arc<Scope>,
    hub: Arc<HubSchema>,
    state: Arc<SessionState>,
    opened: Opened,
}

impl MetricSchema {
    pub(super) fn new(scope: &Arc<Scope>, hub: &Arc<HubSchema>, state: &Arc<SessionState>) -> Self {
        Self {
            scope: Arc::clone(scope),
            hub: Arc::clone(hub),
            state: Arc::clone(state),
            opened: Opened::default(),
        }
    }

    /// A public metric all of whose tables the principal sees.
    fn visible(&self, name: &str) -> Option<&MetricDefinition> {
        let registry = &self.scope.registry;
        let metric = registry.metric(name).filter(|metric| !metric.private)?;
        let tables = registry.metric_tables(name);
        tables.iter().all(|table| self.hub.table_exist(table)).then_some(metric)
    }

    async fn open(&self, metric: &MetricDefinition) -> Result<Arc<dyn TableProvider>> {
        let mut tables = BTreeMap::new();
        for name in self.scope.registry.metric_tables(&metric.id) {
            if let Some(table) = self.hub.table(&name).await? {
                tables.insert(name, table);
            }
        }
        let through = self.scope.snapshot.business_date;
        let registry = &self.scope.registry;
        let plan = metric_view(registry, metric, &self.state, tables, through).await?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

#[async_trait]
impl SchemaProvider for MetricSchema {
    fn table_names(&self) -> Vec<String> {
        let metrics = self.scope.registry.metrics.keys();
        metrics.filter(|name| self.visible(name).is_some()).cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.visible(name) {
            Some(metric) => self.opened.get(name, self.open(metric)).await.map(Some),
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.visible(name).is_some()
    }
}
