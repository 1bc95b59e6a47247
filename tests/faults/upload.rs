//! Uploads in parts: each part and the end are operations.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures::FutureExt;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use crate::{Plan, Sort};

#[derive(Debug)]
pub(crate) struct FaultUpload {
    pub(crate) inner: Box<dyn MultipartUpload>,
    pub(crate) plan: Arc<Plan>,
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, plan) = (self.inner.put_part(data), Arc::clone(&self.plan));
        async move { plan.meet(Sort::Write, part).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.plan.meet(Sort::Write, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.plan.aborted.fetch_add(1, Ordering::SeqCst);
        self.inner.abort().await
    }
}
