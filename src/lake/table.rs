//! One Delta table: its versions, what its commits say, and writing to it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use datafusion::execution::SendableRecordBatchStream;
use deltalake_core::DeltaTableError;
use deltalake_core::logstore::{LogStoreRef, commit_uri_from_version};
use deltalake_core::table::state::DeltaTableState;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use serde_json::Value;

use crate::id::LOG;
use crate::write::{self, CONTENT_METADATA, Txn, WriteOutcome, WriteSpec};
use crate::{Lake, LakeError, TableId, damage};

/// What a commit says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitNote {
    /// Application of its transaction; none for commits without one.
    pub application: Option<String>,
    /// When it was made, by the writer's clock.
    pub at: Option<DateTime<Utc>>,
    /// The entries under `clinichub.`.
    pub metadata: BTreeMap<String, String>,
}

/// A table of the lake, existing or not.
#[derive(Clone)]
pub struct DeltaTableHandle {
    lake: Lake,
    id: TableId,
    path: Path,
    log_store: LogStoreRef,
    /// Takes its place when checkpoints turn out to be damaged: commits alone.
    commits_only: Arc<OnceLock<LogStoreRef>>,
}

impl std::fmt::Debug for DeltaTableHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DeltaTableHandle").field(&self.id).finish()
    }
}

impl DeltaTableHandle {
    pub(crate) fn new(lake: Lake, id: TableId) -> Self {
        let path = id.path();
        let log_store = lake.place().log_store(&path);
        Self { lake, id, path, log_store, commits_only: Arc::default() }
    }

    /// Which table this is.
    #[must_use]
    pub fn id(&self) -> &TableId {
        &self.id
    }

    pub(crate) fn lake(&self) -> &Lake {
        &self.lake
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log_store(&self) -> &LogStoreRef {
        self.commits_only.get().unwrap_or(&self.log_store)
    }

    /// From now on the log is read from `log_store`.
    pub(crate) fn read_from(&self, log_store: LogStoreRef) {
        let _ = self.commits_only.set(log_store);
    }

    /// Newest version; none when the table does not exist.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn version(&self) -> Result<Option<u64>, LakeError> {
        let mut newest = self.listed().await?.newest;
        // A listing may end early; whether there is a next commit is asked of itself.
        loop {
            let next = newest.map_or(0, |newest| newest + 1);
            if !self.has_version(next).await? {
                return Ok(newest);
            }
            newest = Some(next);
        }
    }

    /// Commits as a listing tells them. They are never deleted, so the newest is the newest file:
    /// no replay is needed.
    async fn listed(&self) -> Result<Listed, LakeError> {
        let folder = self.path.clone().join(LOG);
        let listed = self.lake.place().store.list(Some(&folder));
        let found = listed.try_fold(Listed::default(), |mut found, meta| {
            let number = commit_number(&meta.location);
            found.newest = found.newest.max(number);
            if let Some(number) = number.filter(|_| meta.size == 0) {
                found.first_empty = Some(found.first_empty.map_or(number, |f| f.min(number)));
            }
            std::future::ready(Ok(found))
        });
        found.await.map_err(|source| LakeError::Object {
            path: folder.to_string(),
            verb: "listed",
            source,
        })
    }

    async fn has_version(&self, version: u64) -> Result<bool, LakeError> {
        let path = self.commit_path(version);
        let there = self.lake.place().has(&path).await;
        there.map_err(|source| LakeError::Object { path: path.to_string(), verb: "read", source })
    }

    /// Path of a commit inside the lake.
    pub(crate) fn commit_path(&self, version: u64) -> Path {
        Path::from_iter(self.path.parts().chain(commit_uri_from_version(Some(version)).parts()))
    }

    /// Writes `rows` as `spec` says, unless the table already knows the transaction.
    ///
    /// # Errors
    /// Rows that do not fit, stores that fail, rivals that win every attempt. After an error
    /// nothing of the write is visible.
    pub async fn write(
        &self,
        spec: WriteSpec,
        rows: SendableRecordBatchStream,
    ) -> Result<WriteOutcome, LakeError> {
        write::write(self, &spec, rows).await
    }

    /// What the writer of `version` kept in its commit: the entries under `clinichub.`.
    ///
    /// # Errors
    /// `NoTable` when there is no such version.
    pub async fn commit_metadata(
        &self,
        version: u64,
    ) -> Result<BTreeMap<String, String>, LakeError> {
        Ok(self.commit_note(version).await?.metadata)
    }

    /// Who wrote `version`, when, and what the writer kept in its commit.
    ///
    /// # Errors
    /// `NoTable` when there is no such version.
    pub async fn commit_note(&self, version: u64) -> Result<CommitNote, LakeError> {
        let mut note = CommitNote::default();
        for action in self.commit(version).await? {
            if let Some(txn) = action.get("txn") {
                note.application = txn["appId"].as_str().map(str::to_owned);
                note.at = txn["lastUpdated"].as_i64().and_then(DateTime::from_timestamp_millis);
            }
            let Some(info) = action.get("commitInfo").and_then(Value::as_object) else { continue };
            let own = info.iter().filter(|(key, _)| key.starts_with("clinichub."));
            note.metadata.extend(
                own.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))),
            );
        }
        Ok(note)
    }

    /// Version whose content this one has: itself, or the one it lays out anew.
    ///
    /// # Errors
    /// As [`DeltaTableHandle::commit_metadata`].
    pub async fn content_version(&self, version: u64) -> Result<u64, LakeError> {
        let kept = self.commit_metadata(version).await?;
        Ok(kept.get(CONTENT_METADATA).and_then(|text| text.parse().ok()).unwrap_or(version))
    }

    /// Metadata of a commit that keeps the content of `version`: what made that content still
    /// did, except that nothing was loaded.
    pub(crate) async fn inherited_metadata(
        &self,
        version: u64,
    ) -> Result<BTreeMap<String, String>, LakeError> {
        let mut kept = self.commit_metadata(version).await?;
        kept.retain(|key, _| !key.starts_with("clinichub.load"));
        kept.entry(CONTENT_METADATA.to_owned()).or_insert_with(|| version.to_string());
        Ok(kept)
    }

    /// Newest transaction version the table knows of an application.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn known_txn(&self, app_id: &str) -> Result<Option<i64>, LakeError> {
        match self.state(None).await? {
            Some(state) => self.txn_version(&state, app_id).await,
            None => Ok(None),
        }
    }

    /// Version whose commit carries exactly `txn`, searched from the newest backwards.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn version_of(&self, txn: &Txn) -> Result<Option<u64>, LakeError> {
        let Some(newest) = self.version().await? else { return Ok(None) };
        for version in (0..=newest).rev() {
            let found = self.commit(version).await?.iter().any(|action| {
                action.get("txn").is_some_and(|found| {
                    found["appId"] == txn.app_id.as_str() && found["version"] == txn.version
                })
            });
            if found {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    pub(crate) async fn commit(&self, version: u64) -> Result<Vec<Value>, LakeError> {
        let read = self.log_store.read_commit_entry(version).await;
        let bytes = read.map_err(|error| self.log_error(Some(version), error))?;
        let Some(bytes) = bytes else {
            return Err(LakeError::NoTable { table: self.id.key(), version: Some(version) });
        };
        let actions: Result<Vec<Value>, serde_json::Error> =
            serde_json::Deserializer::from_slice(&bytes).into_iter().collect();
        actions.map_err(|json_err| {
            self.log_error(Some(version), DeltaTableError::SerializeLogJson { json_err })
        })
    }

    /// The table at `version`, or newest; none when the table does not exist, or not there.
    pub(crate) async fn state(
        &self,
        version: Option<u64>,
    ) -> Result<Option<DeltaTableState>, LakeError> {
        let wanted = match version {
            Some(version) => version,
            None => match self.version().await? {
                Some(newest) => newest,
                None => return Ok(None),
            },
        };
        // The log's own reader takes a commit that lost its last lines, or all, for a whole one.
        let listed = self.listed().await?;
        match damage::look_at(self, wanted).await {
            Ok(None) if listed.first_empty.is_none_or(|empty| empty > wanted) => {}
            Ok(Some((_, damage::MISSING))) if listed.newest.is_none_or(|n| n < wanted) => {
                return Ok(None);
            }
            _ => {
                let error = DeltaTableError::Generic("a commit is not whole".to_owned());
                return damage::examine(self, wanted, error).await.map(Some);
            }
        }
        match DeltaTableState::try_new(self.log_store().as_ref(), Some(wanted)).await {
            Ok(state) => Ok(Some(state)),
            Err(error) => damage::examine(self, wanted, error).await.map(Some),
        }
    }

    pub(crate) async fn txn_version(
        &self,
        state: &DeltaTableState,
        app_id: &str,
    ) -> Result<Option<i64>, LakeError> {
        let read = state.snapshot().transaction_version(self.log_store().as_ref(), app_id).await;
        read.map_err(|error| self.log_error(Some(state.version()), error))
    }

    pub(crate) fn log_error(&self, version: Option<u64>, source: DeltaTableError) -> LakeError {
        LakeError::Log { table: self.id.key(), version, source: Box::new(source) }
    }
}

/// What a listing says about commits.
#[derive(Debug, Default)]
struct Listed {
    newest: Option<u64>,
    /// The oldest one that holds nothing.
    first_empty: Option<u64>,
}

/// Version of the commit at `path`; none for checkpoints and other files.
fn commit_number(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".json")?.parse().ok()
}
