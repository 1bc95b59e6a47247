//! The lake as one handle: tables, scan providers, published snapshots.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use datafusion::execution::runtime_env::RuntimeEnv;
use hub_domain::clock::{SharedClock, SystemClock};
use hub_domain::snapshot::Snapshot;
use object_store::ObjectStore;
use url::Url;

use crate::fence::Fence;
use crate::provider::LakeTable;
use crate::store::{Place, Retries};
use crate::write::sort_runtime;
use crate::{DeltaTableHandle, LakeError, TableId};

/// Providers kept at most; a published night has fewer tables than this.
const PROVIDERS: usize = 512;

/// A lake. Cheap to clone.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
    pub(crate) fence: Option<Arc<dyn Fence>>,
}

struct Inner {
    place: Place,
    clock: SharedClock,
    sort_runtime: Arc<RuntimeEnv>,
    providers: Mutex<HashMap<(TableId, u64), Arc<LakeTable>>>,
    snapshots: Mutex<BTreeMap<u64, Snapshot>>,
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lake").field("url", &self.inner.place.url.as_str()).finish()
    }
}

impl Lake {
    /// Opens the lake at `url` (`file:///…`, `s3://…`, `gs://…`, `az://…`). `options` are keys of
    /// the object store such as `aws_access_key_id`; unknown ones are ignored.
    ///
    /// # Errors
    /// `Address` when the url or the options cannot be used.
    pub fn open(url: &str, options: &BTreeMap<String, String>) -> Result<Self, LakeError> {
        Self::open_with_clock(url, options, Arc::new(SystemClock))
    }

    /// As [`Lake::open`], with the clock that stamps files.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn open_with_clock(
        url: &str,
        options: &BTreeMap<String, String>,
        clock: SharedClock,
    ) -> Result<Self, LakeError> {
        Self::at(Place::open(url, options, false)?, clock)
    }

    /// As [`Lake::open_with_clock`], where the deployment promises that no second writer exists:
    /// creations look before they write, and the store is not asked to keep writers apart.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn open_single_writer(
        url: &str,
        options: &BTreeMap<String, String>,
        clock: SharedClock,
    ) -> Result<Self, LakeError> {
        Self::at(Place::open(url, options, true)?, clock)
    }

    /// A lake at `url` inside `store`, which holds the whole bucket and is tried as `retries` says.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub fn over(
        url: &str,
        store: Arc<dyn ObjectStore>,
        retries: Retries,
        clock: SharedClock,
    ) -> Result<Self, LakeError> {
        Self::at(Place::over(url, store, retries, false)?, clock)
    }

    fn at(place: Place, clock: SharedClock) -> Result<Self, LakeError> {
        let sort_runtime = sort_runtime().map_err(|error| LakeError::Address {
            url: place.url.to_string(),
            reason: error.to_string(),
        })?;
        let (providers, snapshots) = (Mutex::default(), Mutex::default());
        let inner = Inner { place, clock, sort_runtime, providers, snapshots };
        Ok(Self { inner: Arc::new(inner), fence: None })
    }

    /// Proves that the store refuses to create what exists; a writer calls this once at start.
    ///
    /// # Errors
    /// `NotExclusive` when it does not.
    pub async fn probe(&self) -> Result<(), LakeError> {
        self.inner.place.probe().await
    }

    /// Address of the lake's root, ending in `/`; holds no credentials.
    #[must_use]
    pub fn address(&self) -> &Url {
        &self.inner.place.url
    }

    /// A table, whether or not it exists.
    #[must_use]
    pub fn table(&self, id: &TableId) -> DeltaTableHandle {
        DeltaTableHandle::new(self.clone(), id.clone())
    }

    /// Scan provider of a table at a version; later versions never change it.
    ///
    /// # Errors
    /// `NoTable` when there is no such version, `Unsupported` when it cannot be read rightly.
    pub async fn provider(
        &self,
        id: &TableId,
        version: u64,
    ) -> Result<Arc<dyn TableProvider>, LakeError> {
        let table = self.lake_table(id, version).await?;
        Ok(table)
    }

    /// As [`Lake::provider`], by its own type.
    ///
    /// # Errors
    /// As [`Lake::provider`].
    pub async fn lake_table(
        &self,
        id: &TableId,
        version: u64,
    ) -> Result<Arc<LakeTable>, LakeError> {
        let key = (id.clone(), version);
        if let Some(found) = locked(&self.inner.providers).get(&key) {
            return Ok(Arc::clone(found));
        }
        let loaded = Arc::new(LakeTable::load(self, id, version).await?);
        let mut kept = locked(&self.inner.providers);
        if kept.len() >= PROVIDERS {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&loaded));
        Ok(loaded)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.inner.place
    }

    pub(crate) fn sort_runtime(&self) -> &Arc<RuntimeEnv> {
        &self.inner.sort_runtime
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    pub(crate) fn now_millis(&self) -> i64 {
        self.inner.clock.now().timestamp_millis()
    }

    /// Published snapshots read before; they never change.
    pub(crate) fn known_snapshots(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Snapshot>> {
        locked(&self.inner.snapshots)
    }
}

/// A cache survives a panic of somebody who held it: its entries are whole.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
