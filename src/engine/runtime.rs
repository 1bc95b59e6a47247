//! Threads that plan and run queries, apart from those that serve connections: a stuck operator
//! stalls no health check, and a deep plan has a stack to recurse on.

use std::future::Future;
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::Error;

/// Stack of a query thread in bytes; the guard's chain cap keeps plans well below it.
const STACK: usize = 16 * 1024 * 1024;

/// The query threads. Dropping the last clone stops them without waiting.
#[derive(Debug, Clone)]
pub(crate) struct QueryRuntime(Arc<Threads>);

#[derive(Debug)]
struct Threads(Option<tokio::runtime::Runtime>);

impl QueryRuntime {
    pub(crate) fn new(threads: usize) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(2))
            .thread_name("hub-query")
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(|error| Error::SetUp(Box::new(error)))?;
        Ok(Self(Arc::new(Threads(Some(runtime)))))
    }

    /// Runs `work` on the query threads; dropping the handle cancels it.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        let runtime = self.0.0.as_ref().expect("threads live until the last clone is dropped");
        AbortOnDropHandle::new(runtime.spawn(work))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime may not wait for its threads inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
