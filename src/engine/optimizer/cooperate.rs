//! Lets running joins be stopped.
//!
//! A join that multiplies rows in memory polls nothing below it for minutes, so a task that was
//! cancelled never notices. Above every join stands a node that hands the thread back now and
//! then. A join whose condition hardly ever holds still notices late; more threads than queries
//! keep that from stalling others.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Puts a [`CooperativeExec`] above every join.
#[derive(Debug)]
pub(super) struct CooperativeJoins;

impl PhysicalOptimizerRule for CooperativeJoins {
    fn name(&self) -> &'static str {
        "cooperative_joins"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|plan| {
            Ok(match plan.name().ends_with("JoinExec") {
                true => Transformed::yes(Arc::new(CooperativeExec::new(plan)) as _),
                false => Transformed::no(plan),
            })
        });
        wrapped.map(|wrapped| wrapped.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}
