//! Which plan nodes a user's statement may become.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;

use crate::sql_error::{SqlError, SqlErrorKind};

/// Refuses plans that do anything but read.
pub(crate) fn allow(plan: &LogicalPlan, explain: bool) -> Result<(), SqlError> {
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let mut found = None;
    let walked = options.verify_plan(plan).and_then(|()| {
        plan.apply_with_subqueries(|node| {
            if let Some(name) = forbidden(node, explain) {
                found = Some(name);
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    match (walked, found) {
        (Ok(_), None) => Ok(()),
        (Ok(_), Some(name)) => {
            Err(SqlError::new(SqlErrorKind::Refused, format!("{name} is not allowed")))
        }
        (Err(error), _) => Err(refusal(&error)),
    }
}

fn forbidden(node: &LogicalPlan, explain: bool) -> Option<&'static str> {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Unnest(_) => None,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) if explain => None,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => Some("explain"),
        LogicalPlan::RecursiveQuery(_) => Some("a recursive query"),
        _ => Some("this kind of statement"),
    }
}

fn refusal(error: &DataFusionError) -> SqlError {
    let planned = SqlError::planning(error);
    SqlError::new(SqlErrorKind::Refused, planned.to_string())
}
