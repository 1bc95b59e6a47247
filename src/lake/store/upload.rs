//! One upload in parts: ended once, or taken back.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutResult, Result, UploadPart,
};

use super::retry::{Retries, is_passing};

/// An upload whose parts are waited for in bounds. Dropped before its end, it is aborted, so that
/// nobody pays for parts no object will ever have.
#[derive(Debug)]
pub(super) struct Upload {
    inner: Option<Box<dyn MultipartUpload>>,
    store: Arc<dyn ObjectStore>,
    location: Path,
    retries: Retries,
    bytes: u64,
}

impl Upload {
    pub(super) fn new(
        inner: Box<dyn MultipartUpload>,
        store: Arc<dyn ObjectStore>,
        location: Path,
        retries: Retries,
    ) -> Self {
        Self { inner: Some(inner), store, location, retries, bytes: 0 }
    }

    /// Whether the whole object is there although its end was not acknowledged. Nobody else
    /// writes to its name, which holds a random number.
    fn is_there(&self) -> impl Future<Output = bool> + Send + use<> {
        let (store, location) = (Arc::clone(&self.store), self.location.clone());
        let (retries, bytes) = (self.retries, self.bytes);
        async move {
            let head = retries.bounded(store.head(&location)).await;
            head.is_ok_and(|meta| meta.size == bytes)
        }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.bytes += data.content_length() as u64;
        let Some(inner) = &mut self.inner else { return gone().boxed() };
        let (part, retries) = (inner.put_part(data), self.retries);
        async move { retries.bounded(part).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Some(inner) = &mut self.inner else { return gone().await };
        let done = match self.retries.bounded(inner.complete()).await {
            Err(error) if is_passing(&error) && self.is_there().await => {
                Ok(PutResult { e_tag: None, version: None })
            }
            done => done,
        };
        if done.is_ok() {
            self.inner = None;
        }
        done
    }

    async fn abort(&mut self) -> Result<()> {
        match self.inner.take() {
            Some(mut inner) => self.retries.bounded(inner.abort()).await,
            None => Ok(()),
        }
    }
}

async fn gone<T>() -> Result<T> {
    Err(super::retry::failure("the upload has ended".to_owned()))
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut inner), Ok(runtime)) =
            (self.inner.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (retries, location) = (self.retries, self.location.clone());
        runtime.spawn(async move {
            if let Err(error) = retries.bounded(inner.abort()).await {
                tracing::warn!(object = %location, %error, "an unfinished upload was not aborted");
            }
        });
    }
}
