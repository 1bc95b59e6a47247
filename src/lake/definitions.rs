//! The project files published snapshots were made by, kept beside them.
//!
//! One object per set of files, named by its hash: nights that share definitions share it. It is
//! what tells later which numbers a changed definition would change. Knows nothing of what the
//! files mean.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use hub_domain::project::ProjectFiles;
use hub_domain::snapshot::Snapshot;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::id::{definitions_folder, definitions_hash, definitions_path};
use crate::publish::object_error;
use crate::{Lake, LakeError};

impl Lake {
    /// Keeps `project` under `hash`, unless it is kept already. A writer does so before it
    /// publishes a snapshot with that hash.
    ///
    /// # Errors
    /// `LeaseLost`, or the object cannot be written.
    pub async fn keep_definitions(
        &self,
        hash: &str,
        project: &ProjectFiles,
    ) -> Result<(), LakeError> {
        let path = definitions_path(hash);
        let there = self.place().has(&path).await;
        if there.map_err(|source| object_error(&path, "read", source))? {
            return Ok(());
        }
        let text = serde_json::to_vec(&project.files).map_err(|source| bad(hash, source))?;
        self.may_write().await?;
        let create = PutMode::Create.into();
        match self.place().store.put_opts(&path, PutPayload::from(text), create).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(source) => Err(object_error(&path, "written", source)),
        }
    }

    /// The project files kept under `hash`; none when they are not, as of snapshots published
    /// before definitions were kept.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn definitions(&self, hash: &str) -> Result<Option<ProjectFiles>, LakeError> {
        let path = definitions_path(hash);
        match self.place().read(&path).await {
            Ok(bytes) => {
                let files = serde_json::from_slice(&bytes).map_err(|source| bad(hash, source))?;
                Ok(Some(ProjectFiles { files }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(object_error(&path, "read", source)),
        }
    }

    /// Removes definitions no snapshot of `kept` was made by.
    pub(crate) async fn forget_definitions(&self, kept: &[Snapshot]) -> Result<(), LakeError> {
        let used: BTreeSet<&str> = kept.iter().map(|it| it.definition_hash.as_str()).collect();
        let folder = definitions_folder();
        let listed = self.place().store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        for object in listed.map_err(|source| object_error(&folder, "listed", source))? {
            let unused = definitions_hash(&object.location).is_some_and(|it| !used.contains(it));
            // A night that is about to publish has written its definitions already.
            if !unused || self.now() - object.last_modified < crate::upkeep::GRACE {
                continue;
            }
            self.may_write().await?;
            match self.place().store.delete(&object.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(object_error(&object.location, "deleted", source)),
            }
        }
        Ok(())
    }
}

fn bad(hash: &str, source: serde_json::Error) -> LakeError {
    LakeError::BadDefinitions { hash: hash.to_owned(), source }
}
