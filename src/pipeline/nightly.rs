//! The nightly: extract → build → audit → publish → detect → notify → upkeep.
//!
//! Every stage leaves only what a rerun finds again: landed tables know their night, built tables
//! know their fingerprint, a snapshot is one object. So a run may be killed at any moment and run
//! again; readers see the previous night until the new one is published, whole.

mod backfill;
mod error;
mod log;
mod republish;
mod stages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use hub_domain::clock::SharedClock;
use hub_domain::run::{Interval, Run, RunStatus, StageTime};
use hub_engine::{EngineConfig, Registry};
use hub_lake::upkeep::Retention;
use hub_lake::{Contracts, Fence, Lake, LakeError};
use sha2::{Digest, Sha256};

pub use backfill::BackfillRequest;
pub use error::NightlyError;
pub use log::{Cause, RunLog, Signals};

use crate::build::BuildProgress;
use crate::extract::{self, Sealer, SourceConfig, StopSwitch};
use crate::lease::Tenure;
use crate::lineage::{Lineage, Watched};

/// Everything a nightly needs, composed by root.
pub struct Nightly {
    /// Where tables live.
    pub lake: Lake,
    /// What tables promise.
    pub contracts: Arc<Contracts>,
    /// How tables are made.
    pub registry: Arc<Registry>,
    /// Zone, key and limits of queries.
    pub engine: EngineConfig,
    /// Source systems by id, paths resolved.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Hash over the project's files.
    pub definition_hash: String,
    /// Build nodes that run at once.
    pub build_threads: usize,
    /// What is kept of refused rows, and how many there may be.
    pub quarantine: Quarantine,
    /// Clock of run records and snapshots.
    pub clock: SharedClock,
    /// Keeps run records.
    pub log: Arc<dyn RunLog>,
    /// Says which sources are not to be read.
    pub switch: Arc<dyn StopSwitch>,
    /// Detection and delivery after publication; none where no rules are configured.
    pub signals: Option<Arc<dyn Signals>>,
    /// Upkeep of the lake after publication; none where it is not configured.
    pub upkeep: Option<UpkeepPlan>,
    /// The right to write, which `lake` is fenced by; none only where nobody else can write.
    pub tenure: Option<Arc<Tenure>>,
    /// Who is told where data came from and went; none where nobody asked.
    pub lineage: Option<Arc<Lineage>>,
}

/// How the lake is kept small at the end of a night.
#[derive(Debug, Clone)]
pub struct UpkeepPlan {
    /// How long snapshots are kept; none: they stay.
    pub retention: Option<Retention>,
    /// How long files nobody keeps stay for readers that still have them open.
    pub grace: TimeDelta,
    /// Wall time it may take.
    pub limit: Duration,
}

/// What is kept of refused rows, and how many there may be.
#[derive(Debug, Clone)]
pub struct Quarantine {
    /// Seals their cells; without it they are not kept.
    pub sealer: Option<Arc<Sealer>>,
    /// Largest share of a load that may be refused.
    pub max_share: f64,
}

/// One nightly to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NightlyRequest {
    /// Business day whose end the sources hold.
    pub date: NaiveDate,
    /// Business days this night makes up for; its last day is `date`.
    pub interval: Interval,
    /// Sources to extract; all when empty. Tables are built from what the others landed before.
    pub sources: Vec<String>,
    /// Read every table whole.
    pub full: bool,
    /// Everything but publication and what follows it.
    pub dry_run: bool,
    /// Publish although a table lost a large share of its rows.
    pub accept_loss: bool,
    /// Tables, as `source.table`, that are published whatever the quarantine holds of them.
    pub accept_quarantine: Vec<String>,
}

/// Told how a nightly goes on.
pub trait Progress: extract::Progress + BuildProgress {
    /// A stage begins: `extract`, `build`, `audit`, `publish`, `detect`, `notify`,
    /// `upkeep`.
    fn stage_started(&self, stage: &str) {
        let _ = stage;
    }

    /// A stage is over, well or not.
    fn stage_done(&self, stage: &StageTime) {
        let _ = stage;
    }
}

impl NightlyRequest {
    /// The night of one business day: every source, by cursor, published if the audit passes.
    #[must_use]
    pub fn of(date: NaiveDate) -> Self {
        Self {
            date,
            interval: Interval::day(date),
            sources: Vec::new(),
            full: false,
            dry_run: false,
            accept_loss: false,
            accept_quarantine: Vec::new(),
        }
    }
}

impl BuildProgress for extract::Unwatched {}
impl Progress for extract::Unwatched {}

impl Nightly {
    /// Runs one night and tells how it ended; nothing of it panics or is left half visible.
    pub async fn run(&self, request: &NightlyRequest, progress: &dyn Progress) -> Run {
        let mut run = self.begun("nightly", request);
        let told = Watched::begin(self, &run, progress);
        let work = Box::pin(self.stages(request, &told, &mut run));
        let result = self.while_held(work).await;
        let run = self.ended(run, result).await;
        told.end(&run).await;
        run
    }

    /// A run that begins now.
    pub(crate) fn begun(&self, kind: &str, request: &NightlyRequest) -> Run {
        let started_at = self.clock.now();
        Run {
            id: run_id(started_at, request),
            kind: kind.to_owned(),
            business_date: request.date,
            interval: Some(request.interval),
            lease_token: self.tenure.as_ref().map(|tenure| tenure.token()),
            started_at,
            finished_at: None,
            status: RunStatus::Running,
            snapshot_id: None,
            loads: Vec::new(),
            stages: Vec::new(),
            error: None,
        }
    }

    /// The record of a run that is over.
    pub(crate) async fn ended(&self, mut run: Run, result: Result<(), NightlyError>) -> Run {
        run.finished_at = Some(self.clock.now());
        run.status = match (&result, run.snapshot_id) {
            (Ok(()), None) => RunStatus::DryRun,
            // What follows publication cannot take it back.
            (_, Some(_)) => RunStatus::Published,
            (Err(error), None) if error.is_refusal() => RunStatus::Refused,
            (Err(_), None) => RunStatus::Failed,
        };
        run.error = result.err().map(|error| error.told());
        if let Err(cause) = self.log.save(&run).await {
            tracing::error!(run = %run.id, %cause, "the end of the run could not be recorded");
        }
        run
    }

    /// Drops `work` once the lease is lost, whatever else it fails by then.
    pub(crate) async fn while_held(
        &self,
        work: impl Future<Output = Result<(), NightlyError>>,
    ) -> Result<(), NightlyError> {
        let Some(tenure) = &self.tenure else { return work.await };
        let error = tokio::select! {
            () = tenure.lost() => return Err(NightlyError::LeaseLost),
            result = work => match result {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
        };
        match tenure.check().await {
            Err(LakeError::LeaseLost { .. }) => Err(NightlyError::LeaseLost),
            _ => Err(error),
        }
    }

    /// Times one stage and records the run after it.
    async fn stage<T>(
        &self,
        name: &str,
        progress: &dyn Progress,
        run: &mut Run,
        work: impl Future<Output = Result<T, NightlyError>>,
    ) -> Result<T, NightlyError> {
        let result = timed(name, progress, run, work).await?;
        self.record(run).await?;
        Ok(result)
    }

    async fn record(&self, run: &Run) -> Result<(), NightlyError> {
        self.log.save(run).await.map_err(NightlyError::Log)
    }
}

/// Times one stage.
async fn timed<T>(
    name: &str,
    progress: &dyn Progress,
    run: &mut Run,
    work: impl Future<Output = Result<T, NightlyError>>,
) -> Result<T, NightlyError> {
    progress.stage_started(name);
    let started = Instant::now();
    let result = work.await;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let time = StageTime { stage: name.to_owned(), duration_ms };
    progress.stage_done(&time);
    run.stages.push(time);
    result
}

/// Id of a run: two runs differ in when they started or in what they were asked for.
fn run_id(started_at: DateTime<Utc>, request: &NightlyRequest) -> String {
    let text = format!("{}|{request:?}|{}", started_at.to_rfc3339(), std::process::id());
    let digest = Sha256::digest(text);
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
