//! Composition: the only place that names all rooms.

mod alerts;
mod annotations;
mod holder;
mod metrics;
mod schedule;
mod server;
mod watch;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hub_domain::alert::AlertEvent;
use hub_domain::clock::SharedClock;
use hub_domain::freshness::Expectations;
use hub_domain::project::{Problem, ProjectFiles};
use hub_engine::{Engine, EngineConfig, Registry};
use hub_lake::upkeep::GRACE;
use hub_lake::{Contracts, Lake};
use hub_pipeline::detect::Detector;
use hub_pipeline::lease::Tenure;
use hub_pipeline::lineage::Lineage;
use hub_pipeline::nightly::{Nightly, Quarantine, UpkeepPlan};
use hub_pipeline::notify::{Hook, Sender};
use hub_state::State;
use tokio::sync::broadcast;

use self::alerts::PastRuns;
use crate::config::{Config, Invalid, load_project, store_options};

/// Alert changes a slow subscriber may lag behind before it misses some.
const EVENT_BACKLOG: usize = 1_024;

/// A deployment, opened.
#[derive(Clone)]
pub struct App {
    /// Its configuration.
    pub config: Arc<Config>,
    /// Where now comes from.
    pub clock: SharedClock,
    /// Its tables.
    pub lake: Lake,
    /// Its queries.
    pub engine: Engine,
    /// Its operational state.
    pub state: State,
    /// Its hooks.
    pub sender: Sender,
    events: broadcast::Sender<AlertEvent>,
    definition_hash: String,
    /// The right to write the lake; see [`App::as_writer`].
    tenure: Option<Arc<Tenure>>,
}

impl App {
    /// Opens everything `config` names.
    ///
    /// # Errors
    /// [`Invalid`] when project files do not hold together, otherwise what could not be opened.
    pub async fn open(config: Config, clock: SharedClock) -> anyhow::Result<Self> {
        let project = load_project(config.project.as_ref(), &config.base).map_err(Invalid)?;
        let (contracts, registry) = definitions(&project).map_err(Invalid)?;
        let (url, options) = (config.lake.resolved(&config.base), store_options());
        let lake = match config.lake.single_writer {
            true => Lake::open_single_writer(&url, &options, clock.clone()),
            false => Lake::open_with_clock(&url, &options, clock.clone()),
        };
        let lake = lake.context("cannot open the lake")?;
        let state = State::open(&config.state.resolved(&config.base), clock.clone()).await?;
        let engine =
            Engine::new(engine_config(&config)?, lake.clone(), contracts, registry, clock.clone())?
                .with_runs(Arc::new(PastRuns(state.clone())));
        let hooks = hooks(&config)?;
        let sender = Sender::new(state.clone(), hooks, clock.clone());
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let definition_hash = project.definition_hash();
        let config = Arc::new(config);
        Ok(Self {
            config,
            clock,
            lake,
            engine,
            state,
            sender,
            events,
            definition_hash,
            tenure: None,
        })
    }

    /// The nightly of this deployment.
    #[must_use]
    pub fn nightly(&self) -> Nightly {
        let mut engine = self.engine.config().clone();
        engine.memory_bytes = self.config.nightly.memory_mib << 20;
        Nightly {
            lake: self.lake.clone(),
            contracts: Arc::new(self.engine.contracts().clone()),
            registry: Arc::new(self.engine.registry().clone()),
            engine,
            sources: self.config.sources.clone(),
            definition_hash: self.definition_hash.clone(),
            build_threads: self.config.nightly.build_threads.max(1),
            quarantine: Quarantine {
                sealer: self.config.quarantine.sealer(),
                max_share: self.config.quarantine.max_share,
            },
            clock: self.clock.clone(),
            log: Arc::new(self.state.clone()),
            switch: Arc::new(self.state.clone()),
            signals: Some(Arc::new(self.detector())),
            upkeep: self.upkeep_plan(),
            tenure: self.tenure.clone(),
            lineage: self.lineage().map(Arc::new),
        }
    }

    fn upkeep_plan(&self) -> Option<UpkeepPlan> {
        let upkeep = self.config.nightly.upkeep.as_ref()?;
        let retention = self.config.lake.retention;
        let grace = retention.map_or(GRACE, |kept| kept.grace());
        let retention = retention.map(|kept| kept.retention());
        Some(UpkeepPlan { retention, grace, limit: upkeep.limit() })
    }

    fn lineage(&self) -> Option<Lineage> {
        let section = self.config.lineage.as_ref()?;
        section.opened(&self.config.group, &self.config.base)
    }

    fn detector(&self) -> Detector {
        Detector::new(self.engine.clone(), self.state.clone(), self.sender.clone())
    }
}

/// Contracts and queries of a project, checked as a whole.
///
/// # Errors
/// Every problem, as file:line, what, hint.
pub fn definitions(project: &ProjectFiles) -> Result<(Contracts, Registry), Vec<Problem>> {
    let contracts = Contracts::load(project)?;
    let registry = Registry::load(project, &contracts)?;
    Ok((registry.with_summaries(contracts), registry))
}

/// Plans every query of a project against empty tables as well.
///
/// # Errors
/// Every problem, as file:line, what, hint.
pub async fn check(project: &ProjectFiles) -> Result<Registry, Vec<Problem>> {
    let (contracts, registry) = definitions(project)?;
    registry.plan_all(&contracts).await?;
    Ok(registry)
}

fn engine_config(config: &Config) -> anyhow::Result<EngineConfig> {
    let zone = config.zone().map_err(anyhow::Error::msg)?;
    // A loaded configuration has a key of enough length.
    let key = config.auth.pseudonym_key.as_ref().context("`auth.pseudonym_key` is not set")?;
    let limits = &config.server.limits;
    let mut engine = EngineConfig::new(zone, key.expose().as_bytes().to_vec());
    engine.sites = config.site_days().map_err(anyhow::Error::msg)?;
    engine.memory_bytes = limits.memory_mib << 20;
    engine.deadline = Duration::from_secs(limits.statement_seconds);
    engine.max_rows = limits.rows;
    engine.max_bytes = limits.answer_mib << 20;
    engine.cache_bytes = limits.cache_mib << 20;
    engine.expectations = expectations(config);
    engine.target_partitions = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(engine)
}

/// How new each landed table should be.
fn expectations(config: &Config) -> Expectations {
    let mut expected = Expectations::default();
    for (id, source) in &config.sources {
        if let Some(span) = source.expect {
            expected.add(id, None, span.seconds());
        }
        for (name, table) in &source.tables {
            if let Some(span) = table.expect {
                expected.add(id, Some(name), span.seconds());
            }
        }
    }
    expected
}

fn hooks(config: &Config) -> anyhow::Result<Vec<Hook>> {
    let hooks = config.alerts.hooks.iter().map(|hook| {
        let (url, secret) = (hook.url.expose(), hook.secret.expose());
        Ok(Hook::new(&hook.id, url, secret, hook.allow_private)?)
    });
    hooks.collect()
}
