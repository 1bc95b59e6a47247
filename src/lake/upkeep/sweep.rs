//! Removing the files of one table that no kept version names.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::history::lives;
use super::{Parts, waiting};
use crate::publish::object_error;
use crate::{Lake, LakeError, TableId};

/// Deletions at once.
const AT_ONCE: usize = 8;

/// What a sweep of one table found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Data files on disk before.
    pub files_before: usize,
    /// Data files on disk after.
    pub files_after: usize,
    /// Files removed that only expired versions named.
    pub expired: usize,
    /// Files removed that no commit ever named.
    pub orphans: usize,
    /// Files that nothing kept names and that are still within their grace.
    pub waiting: usize,
    /// Bytes of the files removed.
    pub bytes_freed: u64,
}

/// One sweep.
pub(super) struct Sweep<'a> {
    pub(super) lake: &'a Lake,
    pub(super) id: &'a TableId,
    /// Versions that kept snapshots name.
    pub(super) versions: BTreeSet<u64>,
    pub(super) parts: Parts,
    pub(super) grace: TimeDelta,
    pub(super) dry_run: bool,
}

/// Why a file may leave.
enum Unneeded {
    /// No commit names it.
    Orphan,
    /// Only versions nobody keeps name it.
    Expired,
}

impl Sweep<'_> {
    /// Sweeps; returns what was done and the files that wait, given those that waited before.
    pub(super) async fn run(
        self,
        known: waiting::Files,
    ) -> Result<(Swept, waiting::Files), LakeError> {
        // Listed before the log is read: a file committed in between is then seen as committed.
        let on_disk = self.data_files().await?;
        let unneeded = self.unneeded(&on_disk).await?;
        let now = self.lake.now();
        let mut swept = Swept { files_before: on_disk.len(), ..Swept::default() };
        let mut still = waiting::Files::new();
        let mut leaving = Vec::new();
        for (path, why) in unneeded {
            let meta = &on_disk[&path];
            let since = known.get(&path).copied().unwrap_or(now);
            let (asked, since, count) = match why {
                // No reader ever had it; a writer may have it open.
                Unneeded::Orphan => (self.parts.orphans, meta.last_modified, &mut swept.orphans),
                Unneeded::Expired => (self.parts.vacuum, since, &mut swept.expired),
            };
            if asked && now - since >= self.grace {
                *count += 1;
                swept.bytes_freed += meta.size;
                leaving.push(meta.location.clone());
            } else {
                swept.waiting += 1;
                if matches!(why, Unneeded::Expired) {
                    still.insert(path, since);
                }
            }
        }
        swept.files_after = swept.files_before - leaving.len();
        if !self.dry_run {
            self.delete(leaving).await?;
        }
        Ok((swept, still))
    }

    /// Every file below the table's root that is no part of its log.
    async fn data_files(&self) -> Result<BTreeMap<String, ObjectMeta>, LakeError> {
        let root = self.id.path();
        let found = self.lake.objects(&root).await?;
        let relative = |meta: ObjectMeta| {
            let parts: Vec<String> =
                meta.location.prefix_match(&root)?.map(|part| part.as_ref().to_owned()).collect();
            let is_log = parts.first().is_some_and(|first| first == "_delta_log");
            (!is_log).then(|| (parts.join("/"), meta))
        };
        Ok(found.into_iter().filter_map(relative).collect())
    }

    /// Files that neither the newest version nor a kept one names.
    async fn unneeded(
        &self,
        on_disk: &BTreeMap<String, ObjectMeta>,
    ) -> Result<BTreeMap<String, Unneeded>, LakeError> {
        let handle = self.lake.table(self.id);
        let Some(state) = handle.state(None).await? else {
            // No commit at all: a first write that never came to its end.
            return Ok(on_disk.keys().map(|path| (path.clone(), Unneeded::Orphan)).collect());
        };
        let live: BTreeSet<String> =
            state.log_data().iter().map(|file| file.object_store_path().to_string()).collect();
        let others: BTreeSet<String> =
            on_disk.keys().filter(|path| !live.contains(*path)).cloned().collect();
        let lives = lives(&handle, state.version(), &others).await?;
        let judged = others.into_iter().filter_map(|path| {
            let Some(life) = lives.get(&path) else { return Some((path, Unneeded::Orphan)) };
            let needed = self.versions.iter().any(|version| life.covers(*version));
            (!needed).then_some((path, Unneeded::Expired))
        });
        Ok(judged.collect())
    }

    async fn delete(&self, leaving: Vec<Path>) -> Result<(), LakeError> {
        self.lake.may_write().await?;
        let store = &self.lake.place().store;
        let deletions = leaving.into_iter().map(|path| async move {
            match store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(source) => Err(object_error(&path, "deleted", source)),
            }
        });
        futures::stream::iter(deletions).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }
}
