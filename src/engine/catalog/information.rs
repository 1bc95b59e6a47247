//! `information_schema.tables` and `.columns` over the session's own schemas, and nothing else:
//! no settings, no view texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::Result;

use super::{METRICS, RAW};
use crate::context::CATALOG;

const TABLES: &str = "tables";
const COLUMNS: &str = "columns";

#[derive(Debug)]
pub(super) struct InformationSchema {
    schemas: BTreeMap<&'static str, Arc<dyn SchemaProvider>>,
}

impl InformationSchema {
    pub(super) fn new(schemas: BTreeMap<&'static str, Arc<dyn SchemaProvider>>) -> Self {
        Self { schemas }
    }

    /// Schema and name of every table, in order.
    fn names(&self) -> impl Iterator<Item = (&'static str, String, &Arc<dyn SchemaProvider>)> {
        self.schemas.iter().flat_map(|(name, schema)| {
            schema.table_names().into_iter().map(move |t| (*name, t, schema))
        })
    }

    fn tables(&self) -> Result<RecordBatch> {
        let (mut schemas, mut names, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        for (schema, name, _) in self.names() {
            schemas.push(schema);
            names.push(name);
            kinds.push(if matches!(schema, METRICS | RAW) { "VIEW" } else { "BASE TABLE" });
        }
        let catalog = vec![CATALOG; schemas.len()];
        batch(vec![
            ("table_catalog", text(catalog)),
            ("table_schema", text(schemas)),
            ("table_name", text(names)),
            ("table_type", text(kinds)),
        ])
    }

    async fn columns(&self) -> Result<RecordBatch> {
        let (mut schemas, mut tables, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        let (mut positions, mut nullable, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for (schema, name, provider) in self.names() {
            let table = match provider.table(&name).await {
                Ok(Some(table)) => table,
                Ok(None) => continue,
                // One damaged table must not hide the columns of all others.
                Err(error) => {
                    tracing::warn!(schema, name, %error, "a table that cannot be read is left out");
                    continue;
                }
            };
            for (field, position) in table.schema().fields().iter().zip(1_i64..) {
                schemas.push(schema);
                tables.push(name.clone());
                columns.push(field.name().clone());
                positions.push(position);
                nullable.push(if field.is_nullable() { "YES" } else { "NO" });
                types.push(field.data_type().to_string());
            }
        }
        let catalog = vec![CATALOG; schemas.len()];
        batch(vec![
            ("table_catalog", text(catalog)),
            ("table_schema", text(schemas)),
            ("table_name", text(tables)),
            ("column_name", text(columns)),
            ("ordinal_position", Arc::new(Int64Array::from(positions)) as ArrayRef),
            ("is_nullable", text(nullable)),
            ("data_type", text(types)),
        ])
    }
}

fn text<T: AsRef<str>>(values: Vec<T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter(columns)?)
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        vec![COLUMNS.to_owned(), TABLES.to_owned()]
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let rows = match name {
            TABLES => self.tables()?,
            COLUMNS => self.columns().await?,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        matches!(name, TABLES | COLUMNS)
    }
}
