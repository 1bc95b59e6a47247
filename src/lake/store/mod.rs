//! Object stores by address: local folders, S3, Google Cloud, Azure. Plain `object_store`
//! builders; credentials come from the options root has read from the environment.

mod folder;
mod probe;
mod retry;
mod upload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, ObjectStoreScheme, RetryConfig};
use tokio::sync::OnceCell;
use url::Url;

use crate::LakeError;
use probe::Breach;
pub use retry::Retries;
use retry::RetryStore;

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
    /// The deployment promises that no second writer exists.
    single_writer: bool,
    /// What the probe found, once it has been asked.
    probed: Arc<OnceCell<Result<(), Breach>>>,
}

impl Place {
    /// Opens the store behind `address`.
    pub(crate) fn open(
        address: &str,
        options: &BTreeMap<String, String>,
        single_writer: bool,
    ) -> Result<Self, LakeError> {
        let url = parsed(address)?;
        let refuse = |reason: String| LakeError::Address { url: address.to_owned(), reason };
        if url.scheme() == "file" {
            let folder = url
                .to_file_path()
                .map_err(|()| refuse("it is not an absolute local path".to_owned()))?;
            std::fs::create_dir_all(&folder).map_err(|error| refuse(error.to_string()))?;
            let root = Arc::new(folder::DurableFiles::new(single_writer));
            let mut place = Self::at(url, root, single_writer)?;
            place.folder = Some(folder);
            return Ok(place);
        }
        let inner = remote(&url, options).map_err(|error| refuse(error.to_string()))?;
        Self::over(address, inner, Retries::default(), single_writer)
    }

    /// A lake at `address` inside `inner`, which holds the whole bucket.
    pub(crate) fn over(
        address: &str,
        inner: Arc<dyn ObjectStore>,
        retries: Retries,
        single_writer: bool,
    ) -> Result<Self, LakeError> {
        let root = Arc::new(RetryStore { inner, retries, single_writer });
        Self::at(parsed(address)?, root, single_writer)
    }

    fn at(url: Url, root: Arc<dyn ObjectStore>, single_writer: bool) -> Result<Self, LakeError> {
        let refuse = |error: object_store::Error| LakeError::Address {
            url: url.to_string(),
            reason: error.to_string(),
        };
        let (_, path) = ObjectStoreScheme::parse(&url).map_err(|error| refuse(error.into()))?;
        let prefix = Path::from_iter(path.parts());
        let store: Arc<dyn ObjectStore> =
            Arc::new(PrefixStore::new(Arc::clone(&root), prefix.clone()));
        let probed = Arc::default();
        Ok(Self { url, root, prefix, store, folder: None, single_writer, probed })
    }

    /// Log of the table at `table` below the lake's root.
    pub(crate) fn log_store(&self, table: &Path) -> LogStoreRef {
        self.log_over(table, &self.store, &self.root)
    }

    /// As [`Place::log_store`], seen through `store` and `root`.
    pub(crate) fn log_over(
        &self,
        table: &Path,
        store: &Arc<dyn ObjectStore>,
        root: &Arc<dyn ObjectStore>,
    ) -> LogStoreRef {
        let mut location = self.url.clone();
        location.set_path(&format!("{}{table}/", self.url.path()));
        let prefixed = Arc::new(PrefixStore::new(Arc::clone(store), table.clone()));
        default_logstore(prefixed, Arc::clone(root), &location, &StorageConfig::default())
    }

    /// Path of an object of the lake inside the whole store.
    pub(crate) fn absolute(&self, path: &Path) -> Path {
        Path::from_iter(self.prefix.parts().chain(path.parts()))
    }

    /// Proves that the store refuses to create an object that exists: every commit and every
    /// publication rests on it, and some S3 look-alikes silently overwrite. Asked once per
    /// process; a failure to ask is asked again.
    pub(crate) async fn probe(&self) -> Result<(), LakeError> {
        if self.single_writer {
            tracing::debug!("one writer is promised; the store is not asked to tell two apart");
            return Ok(());
        }
        let found = self.probed.get_or_try_init(|| probe::probe(self)).await?;
        found.clone().map_err(|breach| LakeError::NotExclusive {
            url: self.url.to_string(),
            check: breach.check,
            found: breach.found,
        })
    }

    /// Reads a whole object.
    pub(crate) async fn read(&self, path: &Path) -> Result<bytes::Bytes, object_store::Error> {
        self.store.get(path).await?.bytes().await
    }

    /// Whether an object is there.
    pub(crate) async fn has(&self, path: &Path) -> Result<bool, object_store::Error> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn parsed(address: &str) -> Result<Url, LakeError> {
    let refuse = |reason: String| LakeError::Address { url: address.to_owned(), reason };
    let mut url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
    if !matches!(url.scheme(), "file" | "memory" | "s3" | "s3a" | "gs" | "az" | "abfs" | "abfss") {
        return Err(refuse("use file://, s3://, gs:// or az://".to_owned()));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// The client of a remote store. It repeats what may be repeated for a minute; the rest is
/// [`RetryStore`]'s.
fn remote(
    url: &Url,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let retry = RetryConfig {
        max_retries: 8,
        retry_timeout: Duration::from_secs(60),
        ..RetryConfig::default()
    };
    // Options of other stores, and what is no option at all, is left out.
    macro_rules! client {
        ($builder:ty) => {{
            let mut builder = <$builder>::new().with_url(url.to_string()).with_retry(retry);
            for (key, value) in options {
                if let Ok(key) = key.parse() {
                    builder = builder.with_config(key, value);
                }
            }
            Ok(Arc::new(builder.build()?))
        }};
    }
    match url.scheme() {
        "gs" => client!(GoogleCloudStorageBuilder),
        "az" | "abfs" | "abfss" => client!(MicrosoftAzureBuilder),
        "memory" => Ok(Arc::new(InMemory::new())),
        _ => client!(AmazonS3Builder),
    }
}
