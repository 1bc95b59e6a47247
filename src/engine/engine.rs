//! The engine: opens sessions on published snapshots and owns what they share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::execution::runtime_env::RuntimeEnv;
use hub_domain::board::BoardDefinition;
use hub_domain::clock::SharedClock;
use hub_domain::metric::{Dimension, MetricDefinition};
use hub_domain::ports::{ReadSession, Runs, Warehouse};
use hub_domain::snapshot::{Snapshot, SnapshotPick};
use hub_domain::{Error as PortError, Principal};
use hub_lake::{Contracts, Lake};
use moka::future::Cache;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::cache::ResultCache;
use crate::catalog::PastRuns;
use crate::limits::{Gate, Limits};
use crate::meters::{Load, Meters};
use crate::readers::Definitions;
use crate::runtime::QueryRuntime;
use crate::session::{Core, Session};
use crate::{EngineConfig, Error, Registry, context};

/// How old the newest known snapshot may be before the lake is asked again.
const POLL: Duration = Duration::from_secs(1);
/// Statements of readers that run at once, per partition; the rest of a board waits its turn
/// instead of sharing the memory pool with all of it.
const READERS_PER_PARTITION: usize = 4;
/// Policies on snapshots kept ready.
const CORES: u64 = 64;

/// Answers questions about one lake. Cheap to clone; clones are one engine.
#[derive(Clone)]
pub struct Engine(Arc<Parts>);

struct Parts {
    config: EngineConfig,
    lake: Lake,
    contracts: Arc<Contracts>,
    registry: Arc<Registry>,
    definitions: Definitions,
    clock: SharedClock,
    memory: Arc<RuntimeEnv>,
    runtime: QueryRuntime,
    gate: Gate,
    readers: Arc<Semaphore>,
    cache: ResultCache,
    cores: Cache<(String, u64), Arc<Core>>,
    latest: ArcSwapOption<Latest>,
    asking: Mutex<()>,
    runs: PastRuns,
    meters: Meters,
}

/// The newest snapshot, and when the lake said so.
struct Latest {
    snapshot: Option<Arc<Snapshot>>,
    asked: Instant,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over `lake`.
    ///
    /// # Errors
    /// `SetUp` when threads or the spill folder cannot be made, `Definitions` when metrics do not
    /// resolve (a loaded registry's do).
    pub fn new(
        config: EngineConfig,
        lake: Lake,
        contracts: Contracts,
        registry: Registry,
        clock: SharedClock,
    ) -> Result<Self, Error> {
        let definitions = Definitions::new(&registry).map_err(|problems| Error::Definitions {
            first: problems.into_iter().next().map(|problem| problem.what).unwrap_or_default(),
        })?;
        Ok(Self(Arc::new(Parts {
            memory: context::runtime(&config)?,
            // More than can run at once: a join that cannot be stopped stalls only itself.
            runtime: QueryRuntime::new(config.target_partitions + 2 * config.concurrent_queries)?,
            gate: Gate::new(config.concurrent_queries),
            readers: Arc::new(Semaphore::new(
                READERS_PER_PARTITION * config.target_partitions.max(1),
            )),
            cache: ResultCache::new(config.cache_bytes),
            cores: Cache::new(CORES),
            latest: ArcSwapOption::empty(),
            asking: Mutex::new(()),
            runs: PastRuns::default(),
            meters: Meters::default(),
            contracts: Arc::new(contracts),
            registry: Arc::new(registry),
            definitions,
            config,
            lake,
            clock,
        })))
    }

    /// A session for `principal` on one published snapshot.
    ///
    /// # Errors
    /// `NoSnapshot` when nothing is published, `NotFound` when `pick` names none.
    pub async fn open(
        &self,
        principal: &Principal,
        pick: SnapshotPick,
    ) -> Result<Arc<Session>, PortError> {
        let snapshot = match pick {
            SnapshotPick::Latest => self.latest().await?.ok_or(PortError::NoSnapshot)?,
            SnapshotPick::Id(id) => Arc::new(self.0.lake.snapshot(id).await?),
            SnapshotPick::AsOf(instant) => {
                let found = self.0.lake.snapshot_as_of(instant).await?;
                Arc::new(found.ok_or(PortError::NotFound { what: "snapshot" })?)
            }
        };
        let key = (principal.policy_key(), snapshot.id);
        let core = async { Arc::new(Core::new(self, principal, snapshot)) };
        let core = self.0.cores.get_with(key, core).await;
        Ok(Arc::new(Session::new(self.clone(), core, principal.clone())))
    }

    /// Gives `ops.runs` and `ops.loads` their rows; without it they are empty. Counts once.
    #[must_use]
    pub fn with_runs(self, runs: Arc<dyn Runs>) -> Self {
        self.0.runs.set(runs);
        self
    }

    /// Asks the lake for the newest snapshot now; its number.
    ///
    /// # Errors
    /// `Internal` when the lake cannot be read.
    pub async fn refresh(&self) -> Result<Option<u64>, PortError> {
        let _turn = self.0.asking.lock().await;
        Ok(self.ask().await?.map(|snapshot| snapshot.id))
    }

    async fn latest(&self) -> Result<Option<Arc<Snapshot>>, PortError> {
        if let Some(known) = self.known(POLL) {
            return Ok(known);
        }
        let _turn = match self.0.asking.try_lock() {
            Ok(turn) => turn,
            // Somebody is asking already: what is known will do, if anything is.
            Err(_) => match self.known(Duration::MAX) {
                Some(known) => return Ok(known),
                None => self.0.asking.lock().await,
            },
        };
        match self.known(POLL) {
            Some(known) => Ok(known),
            None => match (self.ask().await, self.known(Duration::MAX)) {
                (Err(error), Some(Some(known))) => {
                    tracing::warn!(%error, "the lake does not answer; serving what was known");
                    Ok(Some(known))
                }
                (asked, _) => asked,
            },
        }
    }

    fn known(&self, age: Duration) -> Option<Option<Arc<Snapshot>>> {
        let latest = self.0.latest.load();
        let latest = latest.as_ref()?;
        (latest.asked.elapsed() <= age).then(|| latest.snapshot.clone())
    }

    async fn ask(&self) -> Result<Option<Arc<Snapshot>>, PortError> {
        let asked = Instant::now();
        let snapshot = self.0.lake.latest().await?.map(Arc::new);
        let latest = Latest { snapshot: snapshot.clone(), asked };
        self.0.latest.store(Some(Arc::new(latest)));
        Ok(snapshot)
    }

    /// The project's queries and definitions.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The contracts of all tables.
    #[must_use]
    pub fn contracts(&self) -> &Contracts {
        &self.0.contracts
    }

    /// The engine's settings.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Metrics, funnels, boards and rules as the readers use them.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.0.definitions
    }

    /// What the engine counts of itself.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// How busy it is with users' statements.
    #[must_use]
    pub fn load(&self) -> Load {
        self.0.gate.load()
    }

    /// The lake read from.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        &self.0.lake
    }

    pub(crate) fn shared_contracts(&self) -> &Arc<Contracts> {
        &self.0.contracts
    }

    pub(crate) fn shared_clock(&self) -> SharedClock {
        SharedClock::clone(&self.0.clock)
    }

    pub(crate) fn past_runs(&self) -> &PastRuns {
        &self.0.runs
    }

    pub(crate) fn shared_registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    pub(crate) fn shared_memory(&self) -> Arc<RuntimeEnv> {
        Arc::clone(&self.0.memory)
    }

    pub(crate) fn runtime(&self) -> &QueryRuntime {
        &self.0.runtime
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn readers(&self) -> &Arc<Semaphore> {
        &self.0.readers
    }

    pub(crate) fn cache(&self) -> &ResultCache {
        &self.0.cache
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub(crate) fn limits(&self) -> Limits {
        let config = &self.0.config;
        Limits { deadline: config.deadline, rows: config.max_rows, bytes: config.max_bytes }
    }
}

#[async_trait]
impl Warehouse for Engine {
    async fn session(
        &self,
        principal: &Principal,
        pick: SnapshotPick,
    ) -> Result<Arc<dyn ReadSession>, PortError> {
        Ok(self.open(principal, pick).await?)
    }

    fn metric_catalog(&self) -> Vec<MetricDefinition> {
        let metrics = self.0.registry.metrics.values();
        metrics.filter(|metric| !metric.private).cloned().collect()
    }

    fn metric_dimensions(&self, metric: &str) -> Vec<Dimension> {
        self.0.registry.metric_dimensions(metric)
    }

    fn boards(&self) -> Vec<BoardDefinition> {
        self.0.registry.boards.clone()
    }
}
