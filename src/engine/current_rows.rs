//! Current rows of a landed table: per key the newest version, unless that is a deletion.
//!
//! Most rows of a table come from one load and are still the newest of their key. Ranking all
//! versions would sort the whole table every night, so the main load is not ranked: its rows
//! stand unless the other loads, which are small, have a newer version of their key.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, JoinType};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, lit};
use hub_lake::MainLoad;

use crate::raw_view::current_columns;

/// Name of the rank of a version among the versions of its key.
pub(crate) const RANK: &str = "_version_rank";

const AT: &str = "_extracted_at";
const LOAD: &str = "_load_seq";

/// The current rows of `landed`, whose rows are told apart by `key`.
pub(crate) fn current_rows(
    landed: &Arc<dyn TableProvider>,
    key: &[String],
    main: Option<MainLoad>,
) -> Result<LogicalPlan> {
    let schema = landed.schema();
    let Some(main) = main else { return shown(ranked(accepted(landed)?, key)?, &schema)?.build() };
    let of_main = column(LOAD).eq(lit(main.load_seq));
    let base = accepted(landed)?.filter(of_main.clone())?;
    if main.alone {
        return shown(base, &schema)?.build();
    }
    let other = || ranked(accepted(landed)?.filter(of_main.clone().is_not_true())?, key);
    let standing = superseded(base, other()?, key, main.oldest)?;
    let standing = shown(standing, &schema)?;
    let other = if main.oldest {
        other()?
    } else {
        let base = accepted(landed)?.filter(of_main.clone())?;
        superseded(other()?, base, key, false)?
    };
    standing.union(shown(other, &schema)?.build()?)?.build()
}

/// Rows that were not rejected.
fn accepted(landed: &Arc<dyn TableProvider>) -> Result<LogicalPlanBuilder> {
    let landed = provider_as_source(Arc::clone(landed));
    LogicalPlanBuilder::scan("landed", landed, None)?.filter(column("_reject_reason").is_null())
}

/// The newest row per key of `rows`, deletions included.
fn ranked(rows: LogicalPlanBuilder, key: &[String]) -> Result<LogicalPlanBuilder> {
    let rank = row_number()
        .partition_by(key.iter().map(|name| column(name)).collect())
        .order_by(vec![column(AT).sort(false, false), column(LOAD).sort(false, false)])
        .build()?
        .alias(RANK);
    rows.window(vec![rank])?.filter(column(RANK).eq(lit(1_u64)))
}

/// `rows` without those of which `rivals` has a newer version; `always` when all rivals are newer.
fn superseded(
    rows: LogicalPlanBuilder,
    rivals: LogicalPlanBuilder,
    key: &[String],
    always: bool,
) -> Result<LogicalPlanBuilder> {
    let renamed = |name: &str| format!("_rival_{name}");
    let compared = if always { &[][..] } else { &[AT, LOAD][..] };
    let names = key.iter().map(String::as_str).chain(compared.iter().copied());
    let rivals = rivals.project(names.map(|name| column(name).alias(renamed(name))))?;
    let newer = (!always).then(|| {
        let (at, load) = (column(&renamed(AT)), column(&renamed(LOAD)));
        let tied = at.clone().eq(column(AT)).and(load.gt(column(LOAD)));
        at.gt(column(AT)).or(tied)
    });
    let theirs: Vec<Column> = key.iter().map(|name| Column::from_name(renamed(name))).collect();
    let ours: Vec<Column> = key.iter().map(Column::from_name).collect();
    // Rivals on the left: they are few, and the left side of a join is the one kept in memory.
    rivals.join(rows.build()?, JoinType::RightAnti, (theirs, ours), newer)
}

/// The columns of the view, of rows that are not deletions.
fn shown(rows: LogicalPlanBuilder, landed: &SchemaRef) -> Result<LogicalPlanBuilder> {
    let columns = current_columns(landed);
    let columns: Vec<Expr> = columns.fields().iter().map(|field| column(field.name())).collect();
    rows.filter(column("_deleted").is_not_true())?.project(columns)
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}
