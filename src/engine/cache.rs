//! Answers of the readers, kept by exactly what decides them: statement, parameters, snapshot,
//! policy. A snapshot never changes, so nothing is ever invalidated; old entries are pushed out.

use std::future::Future;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use moka::future::Cache;

use crate::Error;

/// What decides an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) sql: String,
    pub(crate) params: Vec<ScalarValue>,
    pub(crate) snapshot: u64,
    pub(crate) policy: String,
}

/// The cache; clones share their entries.
#[derive(Debug, Clone)]
pub(crate) struct ResultCache(Cache<Question, Arc<Vec<RecordBatch>>>);

impl ResultCache {
    /// Keeps answers of up to `bytes` in all.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |question: &Question, answer: &Arc<Vec<RecordBatch>>| {
            let rows: usize = answer.iter().map(RecordBatch::get_array_memory_size).sum();
            u32::try_from(rows + question.sql.len()).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).build())
    }

    /// The answer, computed once however many ask at the same time. Failures are not kept.
    pub(crate) async fn get(
        &self,
        question: Question,
        answer: impl Future<Output = Result<Vec<RecordBatch>, Error>>,
    ) -> Result<Arc<Vec<RecordBatch>>, Arc<Error>> {
        self.0.try_get_with(question, async { answer.await.map(Arc::new) }).await
    }
}
