//! Schema `hub`: canonical tables and marts, each restricted to what the principal sees.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result;
use hub_domain::contract::TableContract;
use hub_lake::{TableId, arrow_schema};

use super::{Opened, Scope, external};
use crate::policy::{Mask, PersonSite, Persons, SecuredTable, View};

/// Table that links persons to sites.
const PERSON_SITE: &str = "person_site";

#[derive(Debug)]
pub(super) struct HubSchema {
    scope: Arc<Scope>,
    persons: Arc<Persons>,
    masked: bool,
    opened: Opened,
}

impl HubSchema {
    pub(super) fn new(scope: &Arc<Scope>, persons: &Arc<Persons>, masked: bool) -> Self {
        let (scope, persons) = (Arc::clone(scope), Arc::clone(persons));
        let masked = masked && !scope.sees_group();
        Self { scope, persons, masked, opened: Opened::default() }
    }

    /// The contract of a table the principal sees at least some rows of.
    fn visible(&self, name: &str) -> Option<(&TableContract, View)> {
        let contract = self.scope.contracts.tables.get(name)?;
        let view = View::of(&self.scope.principal, contract);
        (view != View::Hidden).then_some((contract, view))
    }

    async fn open(&self, contract: &TableContract, view: View) -> Result<Arc<dyn TableProvider>> {
        let plain = plain_table(&self.scope, contract).await?;
        let masks: Vec<Mask> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| match self.masked {
                true => Mask::of(contract, field.name(), field.data_type()),
                false => Mask::Open,
            })
            .collect();
        if SecuredTable::is_needed(&view, &masks) {
            return Ok(Arc::new(SecuredTable::new(plain, view, masks, Arc::clone(&self.persons))));
        }
        Ok(plain)
    }
}

/// A table without any policy. A table that the snapshot does not have yet is empty.
async fn plain_table(scope: &Scope, contract: &TableContract) -> Result<Arc<dyn TableProvider>> {
    let id = TableId::hub(&contract.table);
    match scope.snapshot.tables.get(&id.key()) {
        Some(version) => scope.lake.provider(&id, *version).await.map_err(external),
        None => Ok(Arc::new(EmptyTable::new(arrow_schema(contract)))),
    }
}

#[async_trait]
impl PersonSite for Scope {
    async fn person_site(&self) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.contracts.tables.get(PERSON_SITE) {
            Some(contract) => plain_table(self, contract).await.map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl SchemaProvider for HubSchema {
    fn table_names(&self) -> Vec<String> {
        let tables = self.scope.contracts.tables.keys();
        tables.filter(|name| self.visible(name).is_some()).cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.visible(name) {
            Some((contract, view)) => {
                self.opened.get(name, self.open(contract, view)).await.map(Some)
            }
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.visible(name).is_some()
    }
}
