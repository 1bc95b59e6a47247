//! The trait, operation by operation.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::upload::FaultUpload;
use crate::{Fate, FaultStore, Sort, failure, never};

impl FaultStore {
    /// A listing as its fate says; a torn one loses its newest half.
    fn listed(
        &self,
        found: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.plan.fate(Sort::List) {
            Fate::Well => found,
            Fate::Torn => torn(found),
            Fate::Fails(why) | Fate::HappensAndFails(why) => {
                stream::once(async move { Err(failure(why)) }).boxed()
            }
            Fate::Hangs | Fate::HappensAndHangs => stream::once(never()).boxed(),
        }
    }
}

fn torn(found: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
    let half = async move {
        let mut all: Vec<ObjectMeta> = found.try_collect().await?;
        all.sort_by(|a, b| a.location.cmp(&b.location));
        all.truncate(all.len() / 2);
        Ok::<_, object_store::Error>(stream::iter(all.into_iter().map(Ok)))
    };
    stream::once(half).try_flatten().boxed()
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.plan.meet(Sort::Write, self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, opts);
        let inner = self.plan.meet(Sort::Write, begun).await?;
        Ok(Box::new(FaultUpload { inner, plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let work = self.inner.get_opts(location, options);
        match self.plan.fate(Sort::Read) {
            Fate::Well => work.await,
            Fate::Torn if head => work.await,
            Fate::Torn => short(work.await?).await,
            Fate::Fails(why) | Fate::HappensAndFails(why) => Err(failure(why)),
            Fate::Hangs | Fate::HappensAndHangs => never().await,
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.plan.fate(Sort::Write) {
            Fate::Well | Fate::Torn => self.inner.delete_stream(locations),
            Fate::Fails(why) => stream::once(async move { Err(failure(why)) }).boxed(),
            Fate::HappensAndFails(why) => {
                let deleted = self.inner.delete_stream(locations);
                deleted.and_then(move |_| async move { Err(failure(why)) }).boxed()
            }
            Fate::Hangs | Fate::HappensAndHangs => stream::once(never()).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.plan.meet(Sort::Read, self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.plan.meet(Sort::Write, self.inner.copy_opts(from, to, options)).await
    }
}

/// A read that ends early.
async fn short(found: GetResult) -> Result<GetResult> {
    let (meta, range, attributes) =
        (found.meta.clone(), found.range.clone(), found.attributes.clone());
    let whole = found.bytes().await?;
    let half: Bytes = whole.slice(..whole.len() / 2);
    let payload = GetResultPayload::Stream(stream::once(async move { Ok(half) }).boxed());
    Ok(GetResult { payload, meta, range, attributes })
}
