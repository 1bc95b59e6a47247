//! Which side of a join without keys is held in memory: the one known to be of few rows.
//!
//! The engine holds the left side, and swaps only where it knows the size of both. A mart crossed
//! with the one row of `data_through` therefore held the whole mart: its size is an aggregate's,
//! which nobody knows before it has run.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// Rows that are few: they fit into one batch.
const FEW: usize = 8_192;

/// Swaps the sides of a join without keys when few rows stand on the right, and nobody knows how
/// many on the left.
#[derive(Debug)]
pub(super) struct FewRowsHeld;

impl PhysicalOptimizerRule for FewRowsHeld {
    fn name(&self) -> &'static str {
        "few_rows_held"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let swapped = plan.transform_up(|plan| {
            let swapped = if let Some(join) = plan.downcast_ref::<CrossJoinExec>() {
                is_for_swap(join.left(), join.right())?.then(|| join.swap_inputs())
            } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
                let is_for_swap =
                    join.join_type().supports_swap() && is_for_swap(join.left(), join.right())?;
                is_for_swap.then(|| join.swap_inputs())
            } else {
                None
            };
            Ok(swapped.transpose()?.map_or_else(|| Transformed::no(plan), Transformed::yes))
        });
        swapped.map(|swapped| swapped.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn is_for_swap(left: &Arc<dyn ExecutionPlan>, right: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let rows = |plan: &Arc<dyn ExecutionPlan>| -> Result<Option<usize>> {
        let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
        Ok(known.num_rows.get_value().copied())
    };
    Ok(rows(right)?.is_some_and(|rows| rows <= FEW) && rows(left)?.is_none())
}

#[cfg(test)]
mod tests {
    use datafusion::common::tree_node::TreeNodeRecursion;

    use super::*;
    use crate::EngineConfig;
    use crate::build_context;

    /// The column of the side that a join without keys holds.
    async fn held(question: &str) -> String {
        let context = build_context(&EngineConfig::new(chrono_tz::Asia::Shanghai, b"key".to_vec()))
            .expect("a context");
        for made in [
            "create table fact as values (1, 2), (1, 3), (2, 4)",
            "create table through as select 3 as until",
        ] {
            context.sql(made).await.expect("plans").collect().await.expect("runs");
        }
        let plan = context.sql(question).await.expect("plans").create_physical_plan().await;
        let mut held = None;
        plan.expect("a plan")
            .apply(|plan| {
                let side = plan.downcast_ref::<CrossJoinExec>().map(CrossJoinExec::left);
                let side = side.or_else(|| plan.downcast_ref().map(NestedLoopJoinExec::left));
                held =
                    held.take().or_else(|| side.map(|side| side.schema().field(0).name().clone()));
                Ok(TreeNodeRecursion::Continue)
            })
            .expect("walks");
        held.expect("a join")
    }

    const TIMELY: &str = "select column1, max(column2) as last from fact join through \
                          on column2 <= until group by column1";

    #[tokio::test]
    async fn the_one_row_is_held_and_not_what_nobody_can_count() {
        let crossed = format!("select * from ({TIMELY}) cross join through");
        assert_eq!(held(&crossed).await, "until");
        let compared = format!("select * from ({TIMELY}) join through on last < until");
        assert_eq!(held(&compared).await, "until");
        let kept = format!("select * from ({TIMELY}) left join through on last < until");
        assert_eq!(held(&kept).await, "until");
    }
}
