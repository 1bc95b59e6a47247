//! Object stores by address: local folders, S3, Google Cloud, Azure. Plain `object_store`
//! builders; credentials come from the options root has read from the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use url::Url;

use crate::LakeError;
use crate::id::probe_path;

/// Where a lake is and how its objects are reached.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Address of the lake's root, ending in `/`.
    pub(crate) url: Url,
    /// The whole bucket, container or file system.
    pub(crate) root: Arc<dyn ObjectStore>,
    /// Path of the lake inside `root`.
    pub(crate) prefix: Path,
    /// Objects relative to the lake's root.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Folder of a local lake: only there files can be synced.
    pub(crate) folder: Option<PathBuf>,
}

impl Place {
    /// Opens the store behind `address`.
    pub(crate) fn open(
        address: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, LakeError> {
        let refuse = |reason: String| LakeError::Address { url: address.to_owned(), reason };
        let mut url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
        if !matches!(
            url.scheme(),
            "file" | "memory" | "s3" | "s3a" | "gs" | "az" | "abfs" | "abfss"
        ) {
            return Err(refuse("use file://, s3://, gs:// or az://".to_owned()));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        let folder = match url.scheme() {
            "file" => {
                let folder = url
                    .to_file_path()
                    .map_err(|()| refuse("it is not an absolute local path".to_owned()))?;
                std::fs::create_dir_all(&folder).map_err(|error| refuse(error.to_string()))?;
                Some(folder)
            }
            _ => None,
        };
        let (root, prefix) = object_store::parse_url_opts(&url, options)
            .map_err(|error| refuse(error.to_string()))?;
        let root: Arc<dyn ObjectStore> = Arc::from(root);
        let store: Arc<dyn ObjectStore> =
            Arc::new(PrefixStore::new(Arc::clone(&root), prefix.clone()));
        Ok(Self { url, root, prefix, store, folder })
    }

    /// Log of the table at `table` below the lake's root.
    pub(crate) fn log_store(&self, table: &Path) -> LogStoreRef {
        let mut location = self.url.clone();
        location.set_path(&format!("{}{table}/", self.url.path()));
        let prefixed = Arc::new(PrefixStore::new(Arc::clone(&self.store), table.clone()));
        default_logstore(prefixed, Arc::clone(&self.root), &location, &StorageConfig::default())
    }

    /// Path of an object of the lake inside the whole store.
    pub(crate) fn absolute(&self, path: &Path) -> Path {
        Path::from_iter(self.prefix.parts().chain(path.parts()))
    }

    /// Proves that the store refuses to create an object that exists: every commit and every
    /// publication rests on it, and some S3 look-alikes silently overwrite.
    pub(crate) async fn probe(&self) -> Result<(), LakeError> {
        let path = probe_path();
        for _ in 0..2 {
            let put =
                self.store.put_opts(&path, PutPayload::from_static(b"1"), PutMode::Create.into());
            match put.await {
                Ok(_) => {}
                Err(object_store::Error::AlreadyExists { .. }) => return Ok(()),
                Err(source) => {
                    return Err(LakeError::Object {
                        path: path.to_string(),
                        verb: "written",
                        source,
                    });
                }
            }
        }
        Err(LakeError::NotExclusive { url: self.url.to_string() })
    }

    /// Reads a whole object.
    pub(crate) async fn read(&self, path: &Path) -> Result<bytes::Bytes, object_store::Error> {
        self.store.get(path).await?.bytes().await
    }
}
