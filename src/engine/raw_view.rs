//! `raw.<source>_<table>`: of everything that ever landed, the rows the source has today.
//!
//! A landed table keeps every version of every row, deletions and rejected rows. The view shows
//! the newest version per key, without the deleted and the rejected.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{TableProvider, empty::EmptyTable, view::ViewTable};
use datafusion::prelude::SessionContext;
use hub_domain::contract::SourceContract;
use hub_lake::{Lake, TableId, raw_schema};

use crate::Error;
use crate::context::{CATALOG, RAW};
use crate::current_rows::current_rows;

/// Columns of a landed table that views leave out, besides those of rejected rows.
const HIDDEN: [&str; 7] = [
    "_load_seq",
    "_deleted",
    "_reject_reason",
    "_reject_column",
    "_reject_key",
    "_reject_sealed",
    "_recovered",
];

/// Name of the view of source table `table` of `source`.
#[must_use]
pub fn raw_view_name(source: &str, table: &str) -> String {
    format!("{source}_{table}")
}

/// Registers `raw.<source>_<table>` in `context`: the current rows at `version`, or no rows when
/// the table never landed.
///
/// # Errors
/// `UnknownSourceTable`, `Lake` when the table cannot be read, `Register` when the context has no
/// schema `raw` or has the view already.
pub async fn register_raw_view(
    context: &SessionContext,
    lake: &Lake,
    source: &SourceContract,
    table: &str,
    version: Option<u64>,
) -> Result<(), Error> {
    let name = raw_view_name(&source.source, table);
    let view = raw_view(lake, source, table, version).await?;
    let reference = datafusion::common::TableReference::full(CATALOG, RAW, name.as_str());
    context
        .register_table(reference, view)
        .map_err(|source| Error::Register { name: format!("{RAW}.{name}"), source })?;
    Ok(())
}

/// The view itself.
pub(crate) async fn raw_view(
    lake: &Lake,
    source: &SourceContract,
    table: &str,
    version: Option<u64>,
) -> Result<Arc<dyn TableProvider>, Error> {
    let Some(contract) = source.tables.get(table) else {
        return Err(Error::UnknownSourceTable {
            source_id: source.source.clone(),
            table: table.to_owned(),
        });
    };
    let (landed, main): (Arc<dyn TableProvider>, _) = match version {
        Some(version) => {
            let id = TableId::raw(&source.source, table);
            let landed = lake.lake_table(&id, version).await;
            let landed = landed.map_err(|error| Error::lake(id.key(), error))?;
            let main = landed.main_load();
            (landed as Arc<dyn TableProvider>, main)
        }
        None => (Arc::new(EmptyTable::new(raw_schema(contract))), None),
    };
    let name = raw_view_name(&source.source, table);
    let plan = current_rows(&landed, &contract.key, main)
        .map_err(|source| Error::Register { name: format!("{RAW}.{name}"), source })?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Columns of the view over a landed table with columns `landed`.
pub(crate) fn current_columns(landed: &Schema) -> SchemaRef {
    let shown: Vec<_> = landed
        .fields()
        .iter()
        .filter(|field| !HIDDEN.contains(&field.name().as_str()))
        .cloned()
        .collect();
    Arc::new(Schema::new(shown))
}
