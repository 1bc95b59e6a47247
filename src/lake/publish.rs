//! Published snapshots: one object each, created once, never changed.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use hub_domain::snapshot::{Snapshot, SnapshotPick};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::id::{snapshot_folder, snapshot_number, snapshot_path};
use crate::{Lake, LakeError};

impl Lake {
    /// Publishes `snapshot` by creating its object: the one moment readers switch.
    ///
    /// # Errors
    /// `PublishTaken` when another snapshot has its number, `LeaseLost` when somebody published
    /// or may write under a newer token. Publishing the very same snapshot again is fine, so an
    /// acknowledgement that was lost does no harm.
    pub async fn publish(&self, snapshot: &Snapshot) -> Result<(), LakeError> {
        let path = snapshot_path(snapshot.id);
        let text = serde_json::to_vec_pretty(snapshot)
            .map_err(|source| LakeError::BadSnapshot { id: snapshot.id, source })?;
        self.not_fenced(snapshot).await?;
        let create = PutMode::Create.into();
        let put = self.place().store.put_opts(&path, PutPayload::from(text), create).await;
        match put {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self.snapshot(snapshot.id).await?;
                if there == *snapshot {
                    return Ok(());
                }
                Err(LakeError::PublishTaken { id: snapshot.id })
            }
            Err(source) => Err(object_error(&path, "written", source)),
        }
    }

    /// Refuses a publisher that slept through a takeover.
    async fn not_fenced(&self, snapshot: &Snapshot) -> Result<(), LakeError> {
        let token = snapshot.lease_token;
        let newest = self.latest().await?.map_or(0, |latest| latest.lease_token);
        if token < newest {
            return Err(LakeError::LeaseLost { token, newest });
        }
        self.may_write().await
    }

    /// Numbers of all published snapshots, ascending.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub async fn snapshot_ids(&self) -> Result<Vec<u64>, LakeError> {
        let folder = snapshot_folder();
        let listed = self.place().store.list(Some(&folder));
        let mut ids: Vec<u64> = listed
            .try_filter_map(|meta| std::future::ready(Ok(snapshot_number(&meta.location))))
            .try_collect()
            .await
            .map_err(|source| object_error(&folder, "listed", source))?;
        ids.sort_unstable();
        // A listing that ends early must not hide the newest night.
        loop {
            let next = ids.last().map_or(1, |id| id + 1);
            let path = snapshot_path(next);
            let there = self.place().has(&path).await;
            if !there.map_err(|source| object_error(&path, "read", source))? {
                break;
            }
            ids.push(next);
        }
        // What is no longer listed has expired.
        self.known_snapshots().retain(|id, _| ids.binary_search(id).is_ok());
        Ok(ids)
    }

    /// Every published snapshot, ascending.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, LakeError> {
        let mut found = Vec::new();
        for id in self.snapshot_ids().await? {
            found.push(self.listed(id).await?);
        }
        Ok(found)
    }

    /// The newest published snapshot.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn latest(&self) -> Result<Option<Snapshot>, LakeError> {
        match self.snapshot_ids().await?.last() {
            Some(&id) => self.listed(id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Published snapshot `id`.
    ///
    /// # Errors
    /// `NoSnapshot` when there is none, `SnapshotExpired` when it is kept no longer,
    /// `BadSnapshot` when its object is damaged.
    pub async fn snapshot(&self, id: u64) -> Result<Snapshot, LakeError> {
        if self.known_snapshots().contains_key(&id) {
            // Another process may have let it expire since.
            let path = snapshot_path(id);
            match self.place().store.head(&path).await {
                Ok(_) => {}
                Err(object_store::Error::NotFound { .. }) => {
                    self.known_snapshots().remove(&id);
                }
                Err(source) => return Err(object_error(&path, "read", source)),
            }
        }
        self.listed(id).await
    }

    /// As [`Lake::snapshot`], for one that was just seen in a listing.
    async fn listed(&self, id: u64) -> Result<Snapshot, LakeError> {
        if let Some(known) = self.known_snapshots().get(&id) {
            return Ok(known.clone());
        }
        let path = snapshot_path(id);
        let bytes = match self.place().read(&path).await {
            Ok(bytes) => bytes,
            Err(object_store::Error::NotFound { .. }) => return Err(self.not_there(id).await?),
            Err(source) => return Err(object_error(&path, "read", source)),
        };
        let snapshot: Snapshot = serde_json::from_slice(&bytes)
            .map_err(|source| LakeError::BadSnapshot { id, source })?;
        self.known_snapshots().insert(id, snapshot.clone());
        Ok(snapshot)
    }

    /// Why snapshot `id` cannot be read although nothing failed.
    async fn not_there(&self, id: u64) -> Result<LakeError, LakeError> {
        let ids = self.snapshot_ids().await?;
        let oldest = ids.first().copied().filter(|oldest| *oldest > id && id > 0);
        Ok(oldest.map_or(LakeError::NoSnapshot { id }, |oldest| LakeError::SnapshotExpired {
            id,
            oldest,
        }))
    }

    /// The newest snapshot published at or before `instant`.
    ///
    /// # Errors
    /// One of them cannot be read; `SnapshotExpired` when the one of that time is kept no
    /// longer.
    pub async fn snapshot_as_of(
        &self,
        instant: DateTime<Utc>,
    ) -> Result<Option<Snapshot>, LakeError> {
        let ids = self.snapshot_ids().await?;
        for id in ids.iter().rev() {
            let snapshot = self.listed(*id).await?;
            if snapshot.published_at <= instant {
                return Ok(Some(snapshot));
            }
        }
        match ids.first() {
            Some(&oldest) if oldest > 1 => {
                Err(LakeError::SnapshotExpired { id: oldest - 1, oldest })
            }
            _ => Ok(None),
        }
    }

    /// The snapshot a reader asks for; none when nothing fits.
    ///
    /// # Errors
    /// As [`Lake::snapshot`], except that an unknown number is none.
    pub async fn pick(&self, pick: SnapshotPick) -> Result<Option<Snapshot>, LakeError> {
        match pick {
            SnapshotPick::Latest => self.latest().await,
            SnapshotPick::AsOf(instant) => self.snapshot_as_of(instant).await,
            SnapshotPick::Id(id) => match self.snapshot(id).await {
                Err(LakeError::NoSnapshot { .. }) => Ok(None),
                other => other.map(Some),
            },
        }
    }
}

pub(crate) fn object_error(
    path: &Path,
    verb: &'static str,
    source: object_store::Error,
) -> LakeError {
    LakeError::Object { path: path.to_string(), verb, source }
}
