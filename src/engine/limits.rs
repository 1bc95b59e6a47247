//! Bounds on a running statement: how many at once, how long, how many rows and bytes.
//!
//! A bound that is met is an error, never a shorter answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::meters::{Load, Running};
use crate::runtime::QueryRuntime;
use crate::sql_error::{SqlError, SqlErrorKind};

/// Batches between the query threads and the reader of the answer.
const AHEAD: usize = 2;
/// Statements that may wait, per statement that may run.
const QUEUE_FACTOR: usize = 4;

/// Bounds of one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Limits {
    pub(crate) fn late(&self) -> SqlError {
        let seconds = self.deadline.as_secs_f64();
        SqlError::new(SqlErrorKind::Deadline, format!("limit reached: deadline of {seconds} s"))
            .with_hint("ask for fewer days or columns")
    }
}

/// Lets a fixed number of statements run, a few more wait, and refuses the rest.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    permits: usize,
}

impl Gate {
    pub(crate) fn new(running: usize) -> Self {
        let running = running.max(1);
        Self {
            running: Arc::new(Semaphore::new(running)),
            waiting: Arc::new(Semaphore::new(running * QUEUE_FACTOR)),
            permits: running,
        }
    }

    /// How many run and wait now.
    pub(crate) fn load(&self) -> Load {
        let taken = |all: usize, free: usize| all.saturating_sub(free);
        Load {
            running: taken(self.permits, self.running.available_permits()),
            waiting: taken(self.permits * QUEUE_FACTOR, self.waiting.available_permits()),
            permits: self.permits,
        }
    }

    /// Waits for a turn until `deadline`.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, SqlError> {
        let busy = || {
            SqlError::new(SqlErrorKind::Busy, "too many statements are running")
                .with_hint("try again in a moment")
        };
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.running).acquire_owned();
        match tokio::time::timeout_at(deadline, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

/// What the query threads send.
enum Message {
    Batch(RecordBatch),
    Failed(DataFusionError),
    /// Only this ends an answer: a channel that just closes means that the query died.
    End,
}

/// The answer to one user statement. Dropping it cancels the query.
pub struct LimitedStream {
    schema: SchemaRef,
    batches: mpsc::Receiver<Message>,
    limits: Limits,
    rows: u64,
    bytes: u64,
    timer: Pin<Box<Sleep>>,
    done: bool,
    meter: Option<Running>,
    _query: AbortOnDropHandle<()>,
}

impl LimitedStream {
    /// Pumps `stream` on the query threads; `permit` is given back when the query has stopped.
    pub(crate) fn start(
        runtime: &QueryRuntime,
        mut stream: SendableRecordBatchStream,
        limits: Limits,
        deadline: Instant,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let schema = stream.schema();
        let (sender, batches) = mpsc::channel(AHEAD);
        let query = runtime.spawn(async move {
            let _permit = permit;
            while let Some(next) = stream.next().await {
                let (message, last) = match next {
                    Ok(batch) => (Message::Batch(batch), false),
                    Err(error) => (Message::Failed(error), true),
                };
                if sender.send(message).await.is_err() || last {
                    return;
                }
            }
            // A reader that has gone needs no end.
            sender.send(Message::End).await.ok();
        });
        Self {
            schema,
            batches,
            limits,
            rows: 0,
            bytes: 0,
            timer: Box::pin(tokio::time::sleep_until(deadline)),
            done: false,
            meter: None,
            _query: query,
        }
    }

    /// Counts how the answer ends.
    pub(crate) fn metered(mut self, meter: Running) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Columns of the answer.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next rows; none at the end of a complete answer.
    pub async fn next_batch(&mut self) -> Option<Result<RecordBatch, SqlError>> {
        std::future::poll_fn(|context| self.poll_batch(context)).await
    }

    /// Every row of the answer.
    ///
    /// # Errors
    /// The first failure; what came before it is lost.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, SqlError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch().await {
            batches.push(batch?);
        }
        Ok(batches)
    }

    /// As [`Stream::poll_next`], with the error doors show.
    pub fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<RecordBatch, SqlError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if self.timer.as_mut().poll(context).is_ready() {
            return self.fail(self.limits.late());
        }
        match std::task::ready!(self.batches.poll_recv(context)) {
            Some(Message::Batch(batch)) => match self.count(&batch) {
                Ok(()) => Poll::Ready(Some(Ok(batch))),
                Err(error) => self.fail(error),
            },
            Some(Message::Failed(error)) => {
                let shown = SqlError::running(&error);
                tracing::debug!(code = shown.code(), "a user statement failed");
                self.fail(shown)
            }
            Some(Message::End) => {
                self.done = true;
                if let Some(meter) = &mut self.meter {
                    meter.end("ok");
                }
                Poll::Ready(None)
            }
            None => self.fail(SqlError::internal()),
        }
    }

    fn fail(&mut self, error: SqlError) -> Poll<Option<Result<RecordBatch, SqlError>>> {
        self.done = true;
        if let Some(meter) = &mut self.meter {
            meter.end(error.code());
        }
        self.batches.close();
        Poll::Ready(Some(Err(error)))
    }

    fn count(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        self.rows += batch.num_rows() as u64;
        self.bytes += bytes_of(batch);
        let met = if self.rows > self.limits.rows {
            format!("{} rows", self.limits.rows)
        } else if self.bytes > self.limits.bytes {
            format!("{} bytes", self.limits.bytes)
        } else {
            return Ok(());
        };
        Err(SqlError::new(SqlErrorKind::Limit, format!("limit reached: {met}"))
            .with_hint("aggregate, or add a `limit`"))
    }
}

/// Bytes of the rows themselves; a slice of a large buffer counts only its part.
fn bytes_of(batch: &RecordBatch) -> u64 {
    let column = |column: &Arc<dyn Array>| {
        let data = column.to_data();
        data.get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()) as u64
    };
    batch.columns().iter().map(column).sum()
}

impl Stream for LimitedStream {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.poll_batch(context));
        Poll::Ready(next.map(|next| next.map_err(|e| DataFusionError::External(Box::new(e)))))
    }
}

impl RecordBatchStream for LimitedStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl std::fmt::Debug for LimitedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimitedStream").field("limits", &self.limits).finish_non_exhaustive()
    }
}
