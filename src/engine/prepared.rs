//! Optimised plans of statements with parameters: one person's page asks a dozen statements that
//! differ from the next person's only in a value.
//!
//! Knows nothing of principals: a plan is kept beside the tables it was made for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arrow::datatypes::DataType;
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::scalar::ScalarValue;

/// Statements kept; readers have fewer texts with parameters than this.
const STATEMENTS: usize = 256;

/// Optimised plans by text and types of the parameters.
#[derive(Debug, Default)]
pub(crate) struct Prepared(Mutex<HashMap<(String, Vec<DataType>), LogicalPlan>>);

impl Prepared {
    /// The optimised plan of `sql` with `params` in the place of `$1…`.
    pub(crate) async fn plan(
        &self,
        state: &SessionState,
        sql: &str,
        params: Vec<ScalarValue>,
    ) -> Result<LogicalPlan> {
        let types: Vec<DataType> = params.iter().map(ScalarValue::data_type).collect();
        let key = (sql.to_owned(), types);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return known.with_param_values(ParamValues::from(params));
        }
        let plan = state.create_logical_plan(sql).await?;
        if params.is_empty() {
            return state.optimize(&plan);
        }
        if !may_be_kept(&plan, &key.1)? {
            return state.optimize(&plan.with_param_values(ParamValues::from(params))?);
        }
        let optimised = state.optimize(&plan)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= STATEMENTS {
            kept.clear();
        }
        kept.insert(key, optimised.clone());
        drop(kept);
        optimised.with_param_values(ParamValues::from(params))
    }
}

/// Whether the optimiser does the same without the values: every parameter has the type it was
/// taken for, so no cast is missing, and nothing depends on the time of the statement.
fn may_be_kept(plan: &LogicalPlan, types: &[DataType]) -> Result<bool> {
    let taken_for = plan.get_parameter_types()?;
    let same = types.iter().enumerate().all(|(index, given)| {
        let inferred = taken_for.get(&format!("${}", index + 1));
        inferred.is_some_and(|inferred| inferred.as_ref() == Some(given))
    });
    if !same || taken_for.len() != types.len() {
        return Ok(false);
    }
    is_timeless(plan)
}

/// Whether `plan` answers the same whenever it runs, as far as its functions are concerned.
///
/// # Errors
/// An expression cannot be walked.
pub fn is_timeless(plan: &LogicalPlan) -> Result<bool> {
    let mut timeless = true;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::ScalarFunction(call) = part {
                    timeless &= call.func.signature().volatility == Volatility::Immutable;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(timeless)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn kept(context: &SessionContext, sql: &str, params: Vec<ScalarValue>) -> usize {
        let prepared = Prepared::default();
        for _ in 0..2 {
            let state = context.state();
            prepared.plan(&state, sql, params.clone()).await.expect("it plans");
        }
        prepared.0.into_inner().expect("not poisoned").len()
    }

    #[tokio::test]
    async fn only_what_values_and_time_cannot_change_is_kept() {
        let context = SessionContext::new();
        let table = "create table t as values ('a', 1::bigint), ('b', 2)";
        context.sql(table).await.expect("it plans").collect().await.expect("it runs");
        let text = ScalarValue::from("a");
        let by_text = "select column2 from t where column1 = $1";
        assert_eq!(kept(&context, by_text, vec![text.clone()]).await, 1);
        let number = ScalarValue::Int64(Some(1));
        assert_eq!(kept(&context, by_text, vec![number]).await, 0, "another type needs a cast");
        assert_eq!(kept(&context, "select column2 from t", vec![]).await, 0);
        let timed = "select now() from t where column1 = $1";
        assert_eq!(kept(&context, timed, vec![text]).await, 0, "the time is part of the answer");
    }

    #[tokio::test]
    async fn a_kept_plan_answers_for_each_value() {
        let context = SessionContext::new();
        let table = "create table t as values ('a', 1::bigint), ('b', 2)";
        context.sql(table).await.expect("it plans").collect().await.expect("it runs");
        let prepared = Prepared::default();
        for (value, rows) in [("a", 1), ("b", 1), ("c", 0), ("a", 1)] {
            let state = context.state();
            let sql = "select column2 from t where column1 = $1 order by column2 limit 5";
            let plan = prepared.plan(&state, sql, vec![value.into()]).await.expect("it plans");
            let planner = state.query_planner();
            let plan = planner.create_physical_plan(&plan, &state).await.expect("it plans");
            let task = state.task_ctx();
            let batches = datafusion::physical_plan::collect(plan, task).await.expect("it runs");
            let found: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            assert_eq!(found, rows, "rows of `{value}`");
        }
    }
}
