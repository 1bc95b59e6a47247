//! The newest version per key, for the views of landed tables: marks the first row of each key of
//! an input that is sorted by key.
//!
//! A window does the same and keeps state per key; keys with one or two versions each, by the
//! hundred thousand, are what it is worst at. Knows only the window [`RANK`] of those views.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::{concat, partition};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputOrderMode,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use crate::current_rows::RANK;

/// Rank of every version that is not the newest; views keep rank 1 only.
const OLDER: u64 = 2;

/// Replaces the window [`RANK`] over sorted input by [`NewestExec`].
#[derive(Debug)]
pub(crate) struct NewestVersions;

impl PhysicalOptimizerRule for NewestVersions {
    fn name(&self) -> &'static str {
        "newest_versions"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_up(|plan| {
            let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() else {
                return Ok(Transformed::no(plan));
            };
            let ranks = window.window_expr();
            let sorted = matches!(window.input_order_mode, InputOrderMode::Sorted);
            if ranks.len() != 1 || ranks[0].name() != RANK || !sorted {
                return Ok(Transformed::no(plan));
            }
            let newest = NewestExec {
                input: Arc::clone(window.input()),
                key: ranks[0].partition_by().to_vec(),
                properties: Arc::clone(window.properties()),
            };
            Ok(Transformed::yes(Arc::new(newest) as _))
        });
        replaced.map(|replaced| replaced.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Its input and a last column: 1 on the first row of each key, [`OLDER`] on the others.
#[derive(Debug)]
struct NewestExec {
    input: Arc<dyn ExecutionPlan>,
    key: Vec<Arc<dyn PhysicalExpr>>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for NewestExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewestExec")
    }
}

impl ExecutionPlan for NewestExec {
    fn name(&self) -> &'static str {
        "NewestExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for part in &self.key {
            if f(part)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.swap_remove(0);
        let (key, properties) = (self.key.clone(), Arc::clone(&self.properties));
        Ok(Arc::new(Self { input, key, properties }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (schema, key) = (self.schema(), self.key.clone());
        let last: Mutex<Option<Vec<ArrayRef>>> = Mutex::default();
        let shown = Arc::clone(&schema);
        let marked = input.and_then(move |batch| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            std::future::ready(mark(&batch, &key, &shown, &mut last))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, marked)))
    }
}

/// `batch` with its ranks; `last` is the key of the row before it.
fn mark(
    batch: &RecordBatch,
    key: &[Arc<dyn PhysicalExpr>],
    schema: &SchemaRef,
    last: &mut Option<Vec<ArrayRef>>,
) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut ranks = vec![OLDER; rows];
    if rows > 0 {
        let keys: Vec<ArrayRef> =
            key.iter().map(|part| part.evaluate(batch)?.into_array(rows)).collect::<Result<_>>()?;
        for range in partition(&keys)?.ranges() {
            ranks[range.start] = 1;
        }
        if let Some(last) = last.as_ref()
            && continues(last, &keys)?
        {
            ranks[0] = OLDER;
        }
        *last = Some(keys.iter().map(|part| part.slice(rows - 1, 1)).collect());
    }
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from(ranks)));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Whether the first row of `keys` has the key `last`.
fn continues(last: &[ArrayRef], keys: &[ArrayRef]) -> Result<bool> {
    let pair = last.iter().zip(keys).map(|(last, keys)| {
        let first = keys.slice(0, 1);
        concat(&[last.as_ref(), first.as_ref()])
    });
    let pair = pair.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(partition(&pair)?.ranges().len() == 1)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Field, Int64Type, Schema, UInt64Type};
    use datafusion::physical_expr::expressions::col;

    use super::*;

    #[test]
    fn a_key_that_goes_on_in_the_next_batch_is_marked_once() {
        let plain = Schema::new(vec![Field::new("key", DataType::Int64, true)]);
        let rank = Field::new(RANK, DataType::UInt64, false);
        let schema = Arc::new(Schema::new(vec![plain.field(0).clone(), rank]));
        let plain = Arc::new(plain);
        let key = vec![col("key", &plain).expect("a column")];
        let mut last = None;
        let batches = [
            (vec![None, None, Some(1)], vec![1, 2, 1]),
            (vec![], vec![]),
            (vec![Some(1), Some(1), Some(2)], vec![2, 2, 1]),
            (vec![Some(3)], vec![1]),
            (vec![Some(3), Some(4)], vec![2, 1]),
        ];
        for (keys, wanted) in batches {
            let keys: arrow::array::PrimitiveArray<Int64Type> = keys.into_iter().collect();
            let batch = RecordBatch::try_new(Arc::clone(&plain), vec![Arc::new(keys)]);
            let marked = mark(&batch.expect("a batch"), &key, &schema, &mut last);
            let marked = marked.expect("it is marked");
            let ranks = marked.column(1).as_primitive::<UInt64Type>();
            assert_eq!(ranks.values().to_vec(), wanted);
        }
    }
}
