//! `raw.<source>_<table>`: of everything that ever landed, the rows the source has today.
//!
//! A landed table keeps every version of every row, deletions and rejected rows. The view shows
//! the newest version per key, without the deleted and the rejected.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{TableProvider, empty::EmptyTable, view::ViewTable};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident};
use datafusion::prelude::SessionContext;
use hub_domain::contract::{SourceContract, SourceTable};
use hub_lake::{Lake, MainLoad, TableId, raw_schema};

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
/// Of these, what tells versions apart.
const ORDER: [&str; 2] = ["_load_seq", "_deleted"];

/// Name of the view of source table `table` of `source`.
#[must_use]
pub fn raw_view_name(source: &str, table: &str) -> String {
    format!("{source}_{table}")
}

/// Name of the view of every version of the rows of a source table.
#[must_use]
pub(crate) fn raw_history_name(source: &str, table: &str) -> String {
    format!("{}_history", raw_view_name(source, table))
}

/// Registers `raw.<source>_<table>` in `context`: the current rows at `version`, or no rows when
/// the table never landed; and `raw.<source>_<table>_history`: every version of every row.
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
    let (history, _) = landed(lake, source, table, version).await?;
    let history = all_versions(history).map(|plan| Arc::new(ViewTable::new(plan, None)) as _);
    let views = [
        (raw_view_name(&source.source, table), Ok(raw_view(lake, source, table, version).await?)),
        (raw_history_name(&source.source, table), history),
    ];
    for (name, view) in views {
        let failed = |source| Error::Register { name: format!("{RAW}.{name}"), source };
        let reference = datafusion::common::TableReference::full(CATALOG, RAW, name.as_str());
        context.register_table(reference, view.map_err(failed)?).map_err(failed)?;
    }
    Ok(())
}

/// The view itself.
pub(crate) async fn raw_view(
    lake: &Lake,
    source: &SourceContract,
    table: &str,
    version: Option<u64>,
) -> Result<Arc<dyn TableProvider>, Error> {
    let contract = contract(source, table)?;
    let (landed, main) = landed(lake, source, table, version).await?;
    let name = raw_view_name(&source.source, table);
    let plan = current_rows(&landed, &contract.key, main)
        .map_err(|source| Error::Register { name: format!("{RAW}.{name}"), source })?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn contract<'a>(source: &'a SourceContract, table: &str) -> Result<&'a SourceTable, Error> {
    source.tables.get(table).ok_or_else(|| Error::UnknownSourceTable {
        source_id: source.source.clone(),
        table: table.to_owned(),
    })
}

/// Everything that ever landed, and its main load; nothing when the table never did.
async fn landed(
    lake: &Lake,
    source: &SourceContract,
    table: &str,
    version: Option<u64>,
) -> Result<(Arc<dyn TableProvider>, Option<MainLoad>), Error> {
    match version {
        Some(version) => {
            let id = TableId::raw(&source.source, table);
            let landed = lake.lake_table(&id, version).await;
            let landed = landed.map_err(|error| Error::lake(id.key(), error))?;
            let main = landed.main_load();
            Ok((landed as Arc<dyn TableProvider>, main))
        }
        None => {
            let empty = EmptyTable::new(raw_schema(contract(source, table)?));
            Ok((Arc::new(empty) as Arc<dyn TableProvider>, None))
        }
    }
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

/// Columns of the view of every version over a landed table with columns `landed`.
pub(crate) fn history_columns(landed: &Schema) -> SchemaRef {
    let shown: Vec<_> = landed
        .fields()
        .iter()
        .filter(|field| {
            !HIDDEN.contains(&field.name().as_str()) || ORDER.contains(&field.name().as_str())
        })
        .cloned()
        .collect();
    Arc::new(Schema::new(shown))
}

/// Every version of what landed, deletions too, without the rejected.
fn all_versions(landed: Arc<dyn TableProvider>) -> datafusion::error::Result<LogicalPlan> {
    let columns = history_columns(&landed.schema());
    let shown: Vec<Expr> = columns.fields().iter().map(|field| ident(field.name())).collect();
    LogicalPlanBuilder::scan("landed", provider_as_source(landed), None)?
        .filter(ident("_reject_reason").is_null())?
        .project(shown)?
        .build()
}
