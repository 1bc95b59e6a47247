//! Schema `raw`: current rows of source tables, for principals that see the whole group.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::Result;
use hub_domain::contract::SourceContract;
use hub_lake::TableId;

use super::{Opened, Scope, external};
use crate::raw_view::{raw_view, raw_view_name};

#[derive(Debug)]
pub(super) struct RawSchema {
    scope: Arc<Scope>,
    opened: Opened,
}

impl RawSchema {
    pub(super) fn new(scope: &Arc<Scope>) -> Self {
        Self { scope: Arc::clone(scope), opened: Opened::default() }
    }

    fn find(&self, name: &str) -> Option<(&SourceContract, &str)> {
        let sources = self.scope.contracts.sources.values();
        let mut tables =
            sources.flat_map(|source| source.tables.keys().map(move |table| (source, table)));
        tables
            .find(|(source, table)| raw_view_name(&source.source, table) == name)
            .map(|(source, table)| (source, table.as_str()))
    }

    async fn open(&self, source: &SourceContract, table: &str) -> Result<Arc<dyn TableProvider>> {
        let id = TableId::raw(&source.source, table);
        let version = self.scope.snapshot.tables.get(&id.key()).copied();
        raw_view(&self.scope.lake, source, table, version).await.map_err(external)
    }
}

#[async_trait]
impl SchemaProvider for RawSchema {
    fn table_names(&self) -> Vec<String> {
        let sources = self.scope.contracts.sources.values();
        sources
            .flat_map(|source| {
                source.tables.keys().map(move |table| raw_view_name(&source.source, table))
            })
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.find(name) {
            Some((source, table)) => {
                self.opened.get(name, self.open(source, table)).await.map(Some)
            }
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}
