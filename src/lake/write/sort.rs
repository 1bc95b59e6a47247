//! Bringing rows into file order with bounded memory: larger inputs spill to disk.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{SortOptions, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{TryStreamExt, stream};
use std::sync::Mutex;

/// Memory a lake may hold for sorting before it spills.
const SORT_BYTES: usize = 256 << 20;

/// Memory of a batch from which on it is cut up.
const LARGE_BYTES: usize = 4 << 20;
/// Rows of the pieces.
const PIECE_ROWS: u64 = 8_192;

/// One column of a sort order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Column name.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

impl SortKey {
    /// Parses `column` or `column desc`; none for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let column = words.next()?.to_owned();
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return None,
        };
        words.next().is_none().then_some(Self { column, descending })
    }
}

/// The runtime in which a lake sorts what it writes.
pub(crate) fn sort_runtime() -> Result<Arc<RuntimeEnv>> {
    RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(SORT_BYTES))).build_arc()
}

/// A plan leaf over a stream that exists once.
struct Once {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows to write")
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let taken = self.stream.lock().ok().and_then(|mut stream| stream.take());
        taken.unwrap_or_else(|| {
            let error = DataFusionError::Internal("rows to write were read twice".to_owned());
            let failed = futures::stream::once(std::future::ready(Err(error)));
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), failed))
        })
    }
}

/// Sorts `stream` by the partition column, then by `keys`; NULLs last in both directions.
pub(super) fn sorted(
    runtime: &Arc<RuntimeEnv>,
    stream: SendableRecordBatchStream,
    partition_by: Option<&str>,
    keys: &[SortKey],
) -> Result<SendableRecordBatchStream> {
    let schema = stream.schema();
    let mut order = Vec::new();
    if let Some(partition) = partition_by {
        order.push(PhysicalSortExpr::new(col(partition, &schema)?, options(false)));
    }
    for key in keys.iter().filter(|key| Some(key.column.as_str()) != partition_by) {
        order.push(PhysicalSortExpr::new(col(&key.column, &schema)?, options(key.descending)));
    }
    let Some(order) = LexOrdering::new(order) else { return Ok(stream) };
    let pieces = stream.map_ok(|batch| stream::iter(pieces(batch)).map_err(DataFusionError::from));
    let pieces = RecordBatchStreamAdapter::new(Arc::clone(&schema), pieces.try_flatten());
    let rows = Once { schema: Arc::clone(&schema), stream: Mutex::new(Some(Box::pin(pieces))) };
    let leaf = StreamingTableExec::try_new(schema, vec![Arc::new(rows)], None, None, false, None)?;
    let sort = SortExec::new(order, Arc::new(leaf));
    let context = Arc::new(TaskContext::default().with_runtime(Arc::clone(runtime)));
    let sorted = sort.execute(0, context)?;
    let schema = sorted.schema();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, sorted.into_stream())))
}

/// A batch in pieces with memory of their own, where it is large: a window gives a whole table in
/// one batch, an aggregate slices of one, and a sort reserves memory for all of what a slice is of.
fn pieces(batch: RecordBatch) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
    let rows = batch.num_rows() as u64;
    let is_large = batch.get_array_memory_size() > LARGE_BYTES;
    let piece = if is_large { PIECE_ROWS } else { rows.max(1) };
    (0..rows).step_by(piece as usize).map(move |start| {
        if !is_large {
            return Ok(batch.clone());
        }
        let own = UInt64Array::from_iter_values(start..rows.min(start + PIECE_ROWS));
        take_record_batch(&batch, &own)
    })
}

/// Sort options of a column in this direction.
pub(super) fn options(descending: bool) -> SortOptions {
    SortOptions { descending, nulls_first: false }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    /// Slices of 32 MiB, which is twice what the sort may hold.
    #[tokio::test]
    async fn slices_of_a_large_batch_count_as_what_they_are() {
        let numbers = Int64Array::from_iter_values((0..4 << 20).rev());
        let whole = RecordBatch::try_from_iter([("number", Arc::new(numbers) as _)]).expect("rows");
        let slices = [whole.slice(0, 8_192), whole.slice(8_192, (4 << 20) - 8_192)];
        let pool = Arc::new(FairSpillPool::new(16 << 20));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().expect("set up");
        let rows = stream::iter(slices.map(Ok));
        let rows = Box::pin(RecordBatchStreamAdapter::new(whole.schema(), rows));
        let key = SortKey::parse("number").expect("a key");
        let sorted = sorted(&runtime, rows, None, &[key]).expect("a plan");
        let sorted: Vec<RecordBatch> = sorted.try_collect().await.expect("rows");
        let numbers =
            |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert!(sorted.iter().flat_map(numbers).eq(0..4 << 20));
    }

    #[test]
    fn entries_are_parsed() {
        let key = |column: &str, descending| Some(SortKey { column: column.into(), descending });
        assert_eq!(SortKey::parse("person_id"), key("person_id", false));
        assert_eq!(SortKey::parse("at desc"), key("at", true));
        assert_eq!(SortKey::parse("at down"), None);
        assert_eq!(SortKey::parse("at desc nulls"), None);
        assert_eq!(SortKey::parse(""), None);
    }
}
