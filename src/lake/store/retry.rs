//! A store that tries again, and that knows what became of an unanswered creation.
//!
//! Clients of object stores repeat failed requests themselves, but not one whose answer did not
//! come in time and that must not be done twice: creating an object. Here such an object is read
//! back: with our bytes in it, it is ours; with others, somebody else was first. Every commit and
//! every publication is such a creation, so each happens once, whatever the network does.

use std::fmt::{Debug, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};
use uuid::Uuid;

use super::upload::Upload;

/// How long a store is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Tries in all, at least 1.
    pub attempts: u32,
    /// Pause after the first failed try; doubled after each further one, plus up to as much again.
    pub pause: Duration,
    /// Longest wait for one answer.
    pub patience: Duration,
}

impl Default for Retries {
    /// The clients behind S3, Google Cloud and Azure have tried for a minute by themselves.
    fn default() -> Self {
        let (pause, patience) = (Duration::from_millis(500), Duration::from_secs(90));
        Self { attempts: 4, pause, patience }
    }
}

impl Retries {
    async fn pause(&self, attempt: u32) {
        let base = self.pause.saturating_mul(1 << attempt.min(6));
        let jitter = f64::from(Uuid::new_v4().as_bytes()[0]) / 256.0;
        tokio::time::sleep(base.mul_f64(1.0 + jitter)).await;
    }

    /// Waits for `work`, but not for ever.
    pub(super) async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(answer) => answer,
            Err(_) => Err(failure(format!("no answer within {:?}", self.patience))),
        }
    }

    /// Does `work` until it succeeds or fails for good; only for what may be done twice.
    async fn repeat<T, F>(&self, mut work: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.bounded(work()).await {
                Err(error) if is_passing(&error) && attempt < self.attempts => {
                    tracing::debug!(%error, attempt, "the store is asked again");
                    self.pause(attempt - 1).await;
                }
                answer => return answer,
            }
        }
    }
}

/// Whether an error may be gone at the next try.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Generic { .. } => !is_unknown_request(error),
        Error::JoinError { .. } => true,
        _ => false,
    }
}

/// Whether the store says that it does not know the request, as some do with conditions.
pub(super) fn is_unknown_request(error: &Error) -> bool {
    error.to_string().contains("501 Not Implemented")
}

pub(super) fn failure(what: String) -> Error {
    Error::Generic { store: "lake", source: what.into() }
}

/// `inner`, tried again.
pub(super) struct RetryStore {
    pub(super) inner: Arc<dyn ObjectStore>,
    pub(super) retries: Retries,
    /// The deployment promises one writer: creations look first, and are not conditional.
    pub(super) single_writer: bool,
}

impl RetryStore {
    /// Creates an object once.
    async fn create(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let put = self.try_create(location, payload.clone(), opts.clone());
            let error = match self.retries.bounded(put).await {
                Err(error @ Error::AlreadyExists { .. }) => error,
                Err(error) if is_passing(&error) => error,
                answer => return answer,
            };
            // Either answer may be about our own object: clients repeat a request whose first
            // answer was a failure of the server.
            match self.held(location).await? {
                Some(held) if held == flat(&payload) => {
                    tracing::info!(object = %location, "an unanswered creation had happened");
                    return Ok(PutResult { e_tag: None, version: None });
                }
                Some(_) => return Err(already(location, error)),
                None if attempt >= self.retries.attempts => return Err(error),
                None => self.retries.pause(attempt - 1).await,
            }
        }
    }

    async fn try_create(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        if self.single_writer {
            opts.mode = PutMode::Overwrite;
            if self.held(location).await?.is_some() {
                return Err(already(location, failure("it is there".to_owned())));
            }
        }
        self.inner.put_opts(location, payload, opts).await
    }

    /// What an object holds; none when it is not there.
    async fn held(&self, location: &Path) -> Result<Option<Bytes>> {
        let read = self.get_opts(location, GetOptions::default()).await;
        match read {
            Ok(found) => found.bytes().await.map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn already(location: &Path, error: Error) -> Error {
    match error {
        already @ Error::AlreadyExists { .. } => already,
        other => Error::AlreadyExists { path: location.to_string(), source: other.into() },
    }
}

fn flat(payload: &PutPayload) -> Bytes {
    payload.iter().flat_map(|part| part.iter().copied()).collect()
}

/// The bytes of an answer in memory, all of them: readers of the lake ask for ranges, so none is
/// large. A body that ends early is a failure here, not a shorter answer.
async fn whole(found: GetResult) -> Result<GetResult> {
    let (meta, range, attributes) =
        (found.meta.clone(), found.range.clone(), found.attributes.clone());
    let bytes = found.bytes().await?;
    let wanted = range.end.saturating_sub(range.start);
    if bytes.len() as u64 != wanted {
        let what = format!("{} of {wanted} bytes of `{}` came", bytes.len(), meta.location);
        return Err(failure(what));
    }
    let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
    Ok(GetResult { payload, meta, range, attributes })
}

#[async_trait]
impl ObjectStore for RetryStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        match opts.mode {
            PutMode::Create => self.create(location, payload, opts).await,
            PutMode::Overwrite => {
                let put = || self.inner.put_opts(location, payload.clone(), opts.clone());
                self.retries.repeat(put).await
            }
            PutMode::Update(_) => self.inner.put_opts(location, payload, opts).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begin = || self.inner.put_multipart_opts(location, opts.clone());
        let inner = self.retries.repeat(begin).await?;
        let store = Arc::clone(&self.inner);
        Ok(Box::new(Upload::new(inner, store, location.clone(), self.retries)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let get = || {
            let options = options.clone();
            async move {
                let found = self.inner.get_opts(location, options).await?;
                let is_file = matches!(found.payload, GetResultPayload::File(..));
                if head || is_file { Ok(found) } else { whole(found).await }
            }
        };
        self.retries.repeat(get).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (retries, deleted) = (self.retries, self.inner.delete_stream(locations));
        let answers = stream::unfold(Some(deleted), move |deleted| async move {
            let mut deleted = deleted?;
            match retries.bounded(async { Ok(deleted.next().await) }).await {
                Ok(answer) => answer.map(|answer| (answer, Some(deleted))),
                Err(silence) => Some((Err(silence), None)),
            }
        });
        answers.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, retries, prefix) = (Arc::clone(&self.inner), self.retries, prefix.cloned());
        let all = async move {
            let list = || inner.list(prefix.as_ref()).try_collect::<Vec<_>>();
            retries.repeat(list).await.map(|all| stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, retries, prefix) = (Arc::clone(&self.inner), self.retries, prefix.cloned());
        let offset = offset.clone();
        let all = async move {
            let list = || inner.list_with_offset(prefix.as_ref(), &offset).try_collect::<Vec<_>>();
            retries.repeat(list).await.map(|all| stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.retries.repeat(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.retries.bounded(self.inner.copy_opts(from, to, options)).await
    }
}

impl Debug for RetryStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetryStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Display for RetryStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Display::fmt(&self.inner, f)
    }
}
