//! Aggregates that keep every row of their unit run in one phase: rows are sent to the partition
//! of their unit first.
//!
//! The engine aggregates within partitions, exchanges, and aggregates again. That pays where the
//! first phase leaves little; one that keeps every row packs and unpacks it for nothing.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use crate::udf::GATHERING;

/// Makes one phase of two where a function of [`GATHERING`] is computed per group.
#[derive(Debug)]
pub(super) struct GatheredOnce;

impl PhysicalOptimizerRule for GatheredOnce {
    fn name(&self) -> &'static str {
        "gathered_once"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let combined = plan.transform_up(|plan| match first_phase(plan.as_ref()) {
            None => Ok(Transformed::no(plan)),
            Some(first) => Ok(Transformed::yes(Arc::new(AggregateExec::try_new(
                AggregateMode::SinglePartitioned,
                first.group_expr().clone(),
                first.aggr_expr().to_vec(),
                first.filter_expr().to_vec(),
                Arc::clone(first.input()),
                first.input_schema(),
            )?))),
        });
        combined.map(|combined| combined.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The phase within partitions of an aggregate that is better computed in one.
fn first_phase(last: &dyn ExecutionPlan) -> Option<&AggregateExec> {
    let last: &AggregateExec = last.downcast_ref()?;
    let first: &AggregateExec = last.input().downcast_ref()?;
    let is_pair = *last.mode() == AggregateMode::FinalPartitioned
        && *first.mode() == AggregateMode::Partial
        && first.group_expr().is_single();
    let gathers = || first.aggr_expr().iter().any(|it| GATHERING.contains(&it.fun().name()));
    (is_pair && gathers()).then_some(first)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use crate::tests::lines;
    use crate::{EngineConfig, build_context};

    const EVENTS: &str = "create table event as select value % 7 as unit, value % 3 as step, \
        arrow_cast(value * 1000000, 'Timestamp(Microsecond, Some(\"UTC\"))') as at \
        from unnest(range(0, 20000)) as number(value)";
    const LEVELS: &str = "select unit, funnel_level(at, step, 20, 'ordered', 'longest'), count(*) \
        from event where step < 2 or unit <> 3 group by unit order by unit";

    async fn asked(context: &SessionContext, sql: &str) -> Vec<String> {
        lines(&context.sql(sql).await.expect("plans").collect().await.expect("runs"))
    }

    #[tokio::test]
    async fn units_are_gathered_in_one_phase_with_equal_answers() {
        let [one, many] = [1, 4].map(|target_partitions| {
            let stock = EngineConfig::new(chrono_tz::Asia::Shanghai, b"key".to_vec());
            build_context(&EngineConfig { target_partitions, ..stock }).expect("a context")
        });
        for context in [&one, &many] {
            asked(context, EVENTS).await;
        }
        let plan = asked(&many, &format!("explain {LEVELS}")).await.join("\n");
        assert!(
            plan.contains("mode=SinglePartitioned") && !plan.contains("mode=Partial"),
            "{plan}"
        );
        let answer = asked(&many, LEVELS).await;
        assert_eq!(answer, asked(&one, LEVELS).await);
        assert_eq!(answer[3], "3|2|1905", "one event of three is missing");
        let counted = asked(&many, "explain select unit, count(*) from event group by unit").await;
        assert!(counted.join("\n").contains("mode=Partial"), "what need not keep rows");
    }
}
