//! What is wrong with a log that cannot be read, and whether it can be read all the same.
//!
//! Checkpoints only repeat what commits say, and commits are kept: without a damaged checkpoint
//! the table reads as before, slower. A damaged commit is named, with the way out.

use std::fmt::{Debug, Display, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use deltalake_core::DeltaTableError;
use deltalake_core::table::state::DeltaTableState;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use serde_json::Value;

use crate::LakeError;
use crate::table::DeltaTableHandle;

/// Key in our commits: how many lines they have.
pub(crate) const LINES: &str = "hubLines";
/// What can be wrong with a commit.
pub(crate) const MISSING: &str = "is missing";
pub(crate) const CUT: &str = "is cut off or garbled";
/// Commits looked at together.
const AT_ONCE: usize = 16;

/// The table of `handle` at `version`, which could not be read because of `error`.
///
/// # Errors
/// `Damaged` when a commit is, `Log` otherwise.
pub(crate) async fn examine(
    handle: &DeltaTableHandle,
    version: u64,
    error: DeltaTableError,
) -> std::result::Result<DeltaTableState, LakeError> {
    let commits = stream::iter(0..=version).map(|commit| look_at(handle, commit));
    let mut commits = commits.buffered(AT_ONCE);
    while let Some(found) = commits.next().await {
        match found {
            Ok(None) => {}
            Ok(Some((commit, damage))) => {
                return Err(LakeError::Damaged {
                    table: handle.id().key(),
                    version,
                    object: handle.commit_path(commit).to_string(),
                    damage,
                    way_out: way_out(handle, commit).await,
                });
            }
            // The store does not answer: nothing is known to be damaged.
            Err(_) => return Err(handle.log_error(Some(version), error)),
        }
    }
    let place = handle.lake().place();
    let store: Arc<dyn ObjectStore> = Arc::new(CommitsOnly(Arc::clone(&place.store)));
    let root: Arc<dyn ObjectStore> = Arc::new(CommitsOnly(Arc::clone(&place.root)));
    let log_store = place.log_over(handle.path(), &store, &root);
    match DeltaTableState::try_new(log_store.as_ref(), Some(version)).await {
        Ok(state) => {
            let table = handle.id().key();
            tracing::warn!(table, version, "a checkpoint is damaged; the log is read without");
            handle.read_from(log_store);
            Ok(state)
        }
        Err(_) => Err(handle.log_error(Some(version), error)),
    }
}

/// What is wrong with one commit, if anything.
pub(crate) async fn look_at(
    handle: &DeltaTableHandle,
    commit: u64,
) -> Result<Option<(u64, &'static str)>> {
    match handle.lake().place().read(&handle.commit_path(commit)).await {
        Ok(bytes) => Ok((!is_whole(&bytes)).then_some((commit, CUT))),
        Err(Error::NotFound { .. }) => Ok(Some((commit, MISSING))),
        Err(error) => Err(error),
    }
}

/// Whether a commit has all its lines. Ours say how many; others are taken at their word.
fn is_whole(bytes: &[u8]) -> bool {
    let actions = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let Ok(actions) = actions.collect::<std::result::Result<Vec<_>, _>>() else { return false };
    let told = actions.iter().find_map(|action| action.get("commitInfo")?.get(LINES)?.as_u64());
    let known = actions.iter().all(Value::is_object) && !actions.is_empty();
    known && told.is_none_or(|told| told == actions.len() as u64)
}

/// What to do while a commit is damaged.
async fn way_out(handle: &DeltaTableHandle, commit: u64) -> String {
    let table = handle.id().key();
    let needs = |version: Option<&u64>| version.is_some_and(|version| *version >= commit);
    let mut ids = handle.lake().snapshot_ids().await.unwrap_or_default();
    let newest = ids.last().copied();
    while let Some(id) = ids.pop() {
        let Ok(snapshot) = handle.lake().snapshot(id).await else { continue };
        if needs(snapshot.tables.get(&table)) {
            continue;
        }
        return match Some(id) == newest {
            true => format!(
                "the published snapshot {id} does not need it: without a backup, move this commit \
                 and later ones of the table away and run the nightly again"
            ),
            false => format!("until then `clinichub snapshot rollback {id}` serves a whole night"),
        };
    }
    "no published snapshot is without it".to_owned()
}

/// A store without checkpoints.
struct CommitsOnly(Arc<dyn ObjectStore>);

fn is_checkpoint(path: &Path) -> bool {
    path.filename().is_some_and(|name| name == "_last_checkpoint" || name.contains(".checkpoint."))
}

fn without(
    found: BoxStream<'static, Result<ObjectMeta>>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    found.try_filter(|meta| std::future::ready(!is_checkpoint(&meta.location))).boxed()
}

#[async_trait]
impl ObjectStore for CommitsOnly {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.0.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if is_checkpoint(location) {
            let source = "checkpoints are left out".into();
            return Err(Error::NotFound { path: location.to_string(), source });
        }
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        without(self.0.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        without(self.0.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut found = self.0.list_with_delimiter(prefix).await?;
        found.objects.retain(|meta| !is_checkpoint(&meta.location));
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

impl Debug for CommitsOnly {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CommitsOnly").field(&self.0).finish()
    }
}

impl Display for CommitsOnly {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Display::fmt(&self.0, f)
    }
}
