//! `raw.<source>_<table>`: of everything that ever landed, the rows the source has today.
//!
//! A landed table keeps every version of every row, deletions and rejected rows. The view shows
//! the newest version per key, without the deleted and the rejected.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{TableProvider, empty::EmptyTable, view::ViewTable};
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::SessionContext;
use hub_domain::contract::SourceContract;
use hub_lake::{Lake, TableId, raw_schema};

use crate::Error;
use crate::context::{CATALOG, RAW};

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
/// Name of the rank of a version among the versions of its key.
pub(crate) const RANK: &str = "_version_rank";

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
    let landed: Arc<dyn TableProvider> = match version {
        Some(version) => {
            let id = TableId::raw(&source.source, table);
            lake.provider(&id, version).await.map_err(|error| Error::lake(id.key(), error))?
        }
        None => Arc::new(EmptyTable::new(raw_schema(contract))),
    };
    let name = raw_view_name(&source.source, table);
    let plan = current_rows(landed, &contract.key)
        .map_err(|source| Error::Register { name: format!("{RAW}.{name}"), source })?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
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

/// The newest version per key of what landed, unless that version is a deletion.
fn current_rows(landed: Arc<dyn TableProvider>, key: &[String]) -> Result<LogicalPlan> {
    let shown: Vec<Expr> = current_columns(&landed.schema())
        .fields()
        .iter()
        .map(|field| column(field.name()))
        .collect();
    let rank = row_number()
        .partition_by(key.iter().map(|name| column(name)).collect())
        .order_by(vec![
            column("_extracted_at").sort(false, false),
            column("_load_seq").sort(false, false),
        ])
        .build()?
        .alias(RANK);
    LogicalPlanBuilder::scan("landed", provider_as_source(landed), None)?
        .filter(column("_reject_reason").is_null())?
        .window(vec![rank])?
        .filter(column(RANK).eq(lit(1_u64)).and(column("_deleted").is_not_true()))?
        .project(shown)?
        .build()
}
