//! Since when a file has been unreferenced: one small object of the lake. The moment a snapshot
//! expired is nowhere else; losing the object only starts the grace anew.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};

use crate::id::unreferenced_path;
use crate::publish::object_error;
use crate::{Lake, LakeError, TableId, durable};

/// Path below the table's root → when it was first found unreferenced.
pub(super) type Files = BTreeMap<String, DateTime<Utc>>;

/// Files that wait for the end of their grace, by table.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Waiting(BTreeMap<String, Files>);

impl Waiting {
    /// Files of one table.
    pub(super) fn of(&self, id: &TableId) -> Files {
        self.0.get(&id.key()).cloned().unwrap_or_default()
    }

    /// Replaces the files of one table.
    pub(super) fn set(&mut self, id: &TableId, files: Files) {
        if files.is_empty() {
            self.0.remove(&id.key());
        } else {
            self.0.insert(id.key(), files);
        }
    }
}

impl Lake {
    /// What is waiting; nothing when the object is missing or not understood.
    pub(super) async fn waiting(&self) -> Result<Waiting, LakeError> {
        let path = unreferenced_path();
        match self.place().read(&path).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(object_store::Error::NotFound { .. }) => Ok(Waiting::default()),
            Err(source) => Err(object_error(&path, "read", source)),
        }
    }

    /// Stores what is waiting.
    pub(super) async fn keep_waiting(&self, waiting: &Waiting) -> Result<(), LakeError> {
        let path = unreferenced_path();
        let text = serde_json::to_vec(waiting)
            .map_err(|error| LakeError::rows(path.as_ref(), "encoded", error))?;
        let put = self.place().store.put(&path, PutPayload::from(text)).await;
        put.map_err(|source| object_error(&path, "written", source))?;
        durable::sync(self.place(), vec![path]).await
    }
}
