//! The stages, one after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use hub_domain::run::{Run, TableLoad};
use hub_domain::snapshot::{AuditResult, Snapshot};
use hub_lake::LakeError;
use hub_lake::upkeep::{Parts, UpkeepRequest};

use super::{Nightly, NightlyError, NightlyRequest, Progress, Signals, UpkeepPlan, timed};
use crate::audit::{self, AuditRequest, Gate};
use crate::build::{self, BuildRequest, Built};
use crate::erase::Suppression;
use crate::extract::{self, Brake, ExtractError, ExtractRequest, LoadKind, SourceConfig};
use crate::publish::{self, Candidate, PublishError};

/// Sources read at once.
const SOURCES_AT_ONCE: usize = 2;

/// One source being read.
type Reading<'a> = BoxFuture<'a, Result<Vec<TableLoad>, ExtractError>>;

impl Nightly {
    /// Runs the stages; `run` tells how far it came.
    pub(super) async fn stages(
        &self,
        request: &NightlyRequest,
        progress: &dyn Progress,
        run: &mut Run,
    ) -> Result<(), NightlyError> {
        self.record(run).await?;
        self.lake.probe().await.map_err(lake_error)?;
        self.not_before_published(request).await?;
        let kind = if request.full { LoadKind::Full } else { LoadKind::Nightly };
        let sources = self.chosen(&request.sources)?;
        let sources = sources.into_iter().map(|(id, config)| (id, config, kind.clone())).collect();
        let run_id = run.id.clone();
        let extracting = self.extract(request.date, sources, &run_id, progress);
        run.loads = timed("extract", progress, run, extracting).await?;
        self.record(run).await?;
        self.publish_landed(request, progress, run).await
    }

    /// The stages after extraction: whatever is landed by now becomes the next snapshot.
    pub(super) async fn publish_landed(
        &self,
        request: &NightlyRequest,
        progress: &dyn Progress,
        run: &mut Run,
    ) -> Result<(), NightlyError> {
        let Some(snapshot) = self.show(request, progress, run).await? else { return Ok(()) };
        if let Some(signals) = &self.signals {
            self.stage("detect", progress, run, detect(signals, &snapshot)).await?;
            self.stage("notify", progress, run, notify(signals)).await?;
        }
        if let Some(plan) = &self.upkeep {
            let keeping = Box::pin(self.keep_up(plan));
            self.stage("upkeep", progress, run, keeping).await?;
        }
        Ok(())
    }

    /// Builds, audits and publishes what has landed, reading no source and judging nothing.
    pub(crate) async fn rebuild(
        &self,
        request: &NightlyRequest,
        progress: &dyn Progress,
        run: &mut Run,
    ) -> Result<(), NightlyError> {
        self.record(run).await?;
        self.lake.probe().await.map_err(lake_error)?;
        self.show(request, progress, run).await?;
        Ok(())
    }

    /// Builds, audits and publishes what has landed; none in a dry run.
    async fn show(
        &self,
        request: &NightlyRequest,
        progress: &dyn Progress,
        run: &mut Run,
    ) -> Result<Option<Snapshot>, NightlyError> {
        let built = self.stage("build", progress, run, self.build(request, progress)).await?;
        let published = self.lake.latest().await.map_err(lake_error)?;
        let loads = run.loads.clone();
        let auditing = self.audit(request, &built, &loads, published.as_ref());
        let audits = self.stage("audit", progress, run, auditing).await?;
        if request.dry_run {
            return judged(audits).map(|()| None);
        }
        let candidate = Candidate {
            date: request.date,
            run_id: run.id.clone(),
            versions: built.versions,
            definition_hash: self.definition_hash.clone(),
            audits,
        };
        let publishing = self.publish(candidate, published.as_ref());
        let snapshot = timed("publish", progress, run, publishing).await?;
        // Known before it is recorded: a record that fails does not unpublish.
        run.snapshot_id = Some(snapshot.id);
        self.record(run).await?;
        Ok(Some(snapshot))
    }

    /// The sources hold the newest day: read for an older one, they would be published under a
    /// date they are not of.
    async fn not_before_published(&self, request: &NightlyRequest) -> Result<(), NightlyError> {
        match self.newest_published().await? {
            Some(published) if request.date < published => {
                Err(NightlyError::OlderDate { asked: request.date, published })
            }
            _ => Ok(()),
        }
    }

    /// Newest business date ever published.
    pub(super) async fn newest_published(&self) -> Result<Option<NaiveDate>, NightlyError> {
        let mut shown = self.lake.latest().await.map_err(lake_error)?;
        let mut newest = None;
        while let Some(snapshot) = shown.take() {
            newest = newest.max(Some(snapshot.business_date));
            // A rollback shows an older day again; the nights before it were newer.
            if snapshot.rollback_of.is_some() && snapshot.id > 1 {
                let before = self.lake.snapshot(snapshot.id - 1).await.map_err(lake_error)?;
                shown = Some(before);
            }
        }
        Ok(newest)
    }

    pub(super) fn chosen(
        &self,
        wanted: &[String],
    ) -> Result<BTreeMap<&str, &SourceConfig>, NightlyError> {
        if wanted.is_empty() {
            return Ok(self.sources.iter().map(|(id, config)| (id.as_str(), config)).collect());
        }
        let find = |id: &String| match self.sources.get_key_value(id) {
            Some((id, config)) => Ok((id.as_str(), config)),
            None => Err(NightlyError::UnknownSource { source_id: id.clone() }),
        };
        wanted.iter().map(find).collect()
    }

    /// Rows of erased persons; none when nobody was ever erased.
    ///
    /// # Errors
    /// `Log` when they cannot be read.
    pub async fn suppression(&self) -> Result<Option<Arc<Suppression>>, NightlyError> {
        let key = &self.engine.pseudonym_key;
        Suppression::read(key, &self.log).await.map_err(NightlyError::Log)
    }

    pub(super) async fn extract(
        &self,
        date: NaiveDate,
        sources: Vec<(&str, &SourceConfig, LoadKind)>,
        run_id: &str,
        progress: &dyn Progress,
    ) -> Result<Vec<TableLoad>, NightlyError> {
        let suppression = self.suppression().await?;
        let requests: Vec<ExtractRequest<'_>> = sources
            .into_iter()
            .map(|(source, config, kind)| ExtractRequest {
                source,
                config,
                contracts: &self.contracts,
                lake: &self.lake,
                date,
                kind,
                zone: self.engine.zone,
                load_id: run_id,
                clock: Arc::clone(&self.clock),
                suppression: suppression.clone(),
                brake: Brake::new(source, &config.limits, Arc::clone(&self.switch)),
                sealer: self.quarantine.sealer.clone(),
            })
            .collect();
        let mut reading: Vec<Reading<'_>> = Vec::with_capacity(requests.len());
        for request in &requests {
            reading.push(Box::pin(extract::extract_source(request, progress)));
        }
        let reading = futures::stream::iter(reading).buffered(SOURCES_AT_ONCE);
        let loads: Vec<Vec<TableLoad>> = reading.try_collect().await?;
        Ok(loads.into_iter().flatten().collect())
    }

    async fn build(
        &self,
        request: &NightlyRequest,
        progress: &dyn Progress,
    ) -> Result<Built, NightlyError> {
        let annotations = self.log.annotations().await.map_err(NightlyError::Annotations)?;
        let request = BuildRequest {
            annotations,
            lake: self.lake.clone(),
            contracts: Arc::clone(&self.contracts),
            registry: Arc::clone(&self.registry),
            engine: self.engine.clone(),
            date: request.date,
            threads: self.build_threads,
        };
        Ok(build::build(&request, progress).await?)
    }

    /// Audits what was built; versions that are published already were audited under the same
    /// definitions.
    async fn audit(
        &self,
        night: &NightlyRequest,
        built: &Built,
        loads: &[TableLoad],
        published: Option<&Snapshot>,
    ) -> Result<Vec<AuditResult>, NightlyError> {
        let (versions, hash) = (&built.versions, &self.definition_hash);
        if let Some(known) = published {
            let same = publish::shows(&self.lake, known, versions, night.date, hash).await;
            if same.map_err(lake_error)? {
                return Ok(known.audits.clone());
            }
        }
        let (contracts, lake) = (self.contracts.as_ref(), &self.lake);
        let accept_loss = night.accept_loss;
        let gate = Gate {
            max_share: self.quarantine.max_share,
            sources: &self.sources,
            accepted: &night.accept_quarantine,
        };
        let request = AuditRequest { contracts, built, loads, published, lake, accept_loss, gate };
        Ok(audit::audit(&request).await?)
    }

    /// Ends at its time limit wherever it is: what is done stays done, the rest is for next time.
    async fn keep_up(&self, plan: &UpkeepPlan) -> Result<(), NightlyError> {
        let request = UpkeepRequest {
            parts: Parts::ALL,
            retention: plan.retention,
            grace: plan.grace,
            contracts: self.contracts.as_ref(),
            dry_run: false,
        };
        let Ok(done) = tokio::time::timeout(plan.limit, self.lake.upkeep(&request)).await else {
            tracing::warn!(limit = ?plan.limit, "upkeep goes on in the next night");
            return Ok(());
        };
        let mut report = done.map_err(|cause| NightlyError::Upkeep(Box::new(cause)))?;
        let (expired, bytes_freed) = (report.expired.len(), report.bytes_freed());
        tracing::info!(expired, bytes_freed, "upkeep");
        match report.tables.iter_mut().find_map(|table| table.failed.take()) {
            Some(cause) => Err(NightlyError::Upkeep(Box::new(cause))),
            None => Ok(()),
        }
    }

    async fn publish(
        &self,
        candidate: Candidate,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, NightlyError> {
        let now = self.clock.now();
        let (hash, project) = (&candidate.definition_hash, self.registry.project());
        self.lake.keep_definitions(hash, project).await.map_err(lake_error)?;
        Ok(publish::publish(&self.lake, candidate, previous, now).await?)
    }
}

/// A dry run is refused like a real one.
fn judged(audits: Vec<AuditResult>) -> Result<(), NightlyError> {
    if audit::passes(&audits) {
        return Ok(());
    }
    Err(PublishError::Refused(audits).into())
}

async fn detect(signals: &Arc<dyn Signals>, snapshot: &Snapshot) -> Result<u64, NightlyError> {
    signals.detect(snapshot).await.map_err(NightlyError::Detect)
}

async fn notify(signals: &Arc<dyn Signals>) -> Result<u64, NightlyError> {
    signals.notify().await.map_err(NightlyError::Notify)
}

pub(super) fn lake_error(cause: LakeError) -> NightlyError {
    NightlyError::Lake(Box::new(cause))
}
