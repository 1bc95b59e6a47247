//! What a change of definitions would do to the numbers that are published.
//!
//! Both sets of definitions are evaluated over the tables of one published snapshot. A table the
//! change touches is evaluated by its proposed query over the published inputs, wherever it is
//! read; nothing is written. Must not know what counts as a change of a number: that is the
//! domain's.

mod numbers;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use hub_domain::annotation::Annotations;
use hub_domain::calendar::DateRange;
use hub_domain::difference::{
    Change, Difference, MetricChange, Weighed, definition, files, largest,
};
use hub_domain::snapshot::Snapshot;
use hub_domain::{Error as PortError, Principal};
use hub_engine::{EngineConfig, Preview, Registry};
use hub_lake::{Contracts, Lake};

use crate::build::BuildError;
use tables::Opened;

/// How many days after the business date are looked at: plans and bookings lie ahead.
const AHEAD: Days = Days::new(730);

/// Contracts and queries of one set of definitions.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// What tables promise.
    pub contracts: Contracts,
    /// How tables and metrics are made.
    pub registry: Registry,
}

/// What is compared.
#[derive(Debug)]
pub struct DifferenceRequest<'a> {
    /// Where published tables are read.
    pub lake: &'a Lake,
    /// The published tables.
    pub snapshot: &'a Snapshot,
    /// Definitions the snapshot was made by.
    pub published: &'a Definitions,
    /// Definitions that may follow.
    pub proposed: &'a Definitions,
    /// Zone, key and limits of queries.
    pub engine: &'a EngineConfig,
    /// What people decided about identities.
    pub annotations: &'a Annotations,
    /// Who asks; must see the whole group.
    pub principal: &'a Principal,
    /// Most numbers told one by one.
    pub most: usize,
}

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceError {
    /// A published table could not be opened.
    #[error("the published tables cannot be opened")]
    Tables(#[source] BuildError),
    /// The published numbers cannot be read.
    #[error("the published numbers cannot be read: {0}")]
    Numbers(PortError),
}

/// Compares the numbers of both sets of definitions.
///
/// # Errors
/// Published tables or numbers cannot be read. What cannot be evaluated as proposed is told in
/// the answer.
pub async fn difference(request: &DifferenceRequest<'_>) -> Result<Difference, DifferenceError> {
    let DifferenceRequest { published, proposed, snapshot, .. } = request;
    let changed = tables::changes(published, proposed);
    let before = open(request, published, &BTreeMap::new()).await?;
    let after = open(request, proposed, &changed).await?;
    let metrics = metrics(request, &changed);
    let compared = numbers::Compared { request, before: &before.0, after: &after.0 };
    let range = days(request, &metrics, &before.0).await?;
    let mut told: Vec<MetricChange> = Vec::new();
    let mut changes: Vec<Weighed> = Vec::new();
    let mut evaluable = Vec::new();
    for (metric, change) in metrics {
        let broken = proposed
            .registry
            .metric_tables(&metric)
            .into_iter()
            .find_map(|table| Some((after.1.broken.get(&table)?.clone(), table)));
        let unevaluated = match change {
            Change::Changed | Change::Affected => {
                broken.map(|(why, table)| format!("table `{table}`: {why}"))
            }
            _ => None,
        };
        if unevaluated.is_none() && matches!(change, Change::Changed | Change::Affected) {
            evaluable.push(metric.clone());
        }
        told.push(MetricChange { metric, change, compared: 0, changed: 0, unevaluated });
    }
    if let Some(range) = range {
        for (metric, outcome) in compared.run(&evaluable, range).await? {
            let Some(line) = told.iter_mut().find(|it| it.metric == metric) else { continue };
            match outcome {
                Ok((compared, differing)) => {
                    line.compared = compared;
                    line.changed = differing.len();
                    changes.extend(differing);
                }
                Err(why) => line.unevaluated = Some(why),
            }
        }
    }
    let (numbers, numbers_left_out) = largest(changes, request.most);
    Ok(Difference {
        snapshot: snapshot.id,
        published_definitions: snapshot.definition_hash.clone(),
        proposed_definitions: proposed.registry.project().definition_hash(),
        range,
        files: files(published.registry.project(), proposed.registry.project()),
        tables: tables::told(request, &changed, &after.1).await.map_err(DifferenceError::Tables)?,
        metrics: told,
        numbers,
        numbers_left_out,
    })
}

async fn open(
    request: &DifferenceRequest<'_>,
    definitions: &Definitions,
    changed: &BTreeMap<String, Change>,
) -> Result<(Preview, Opened), DifferenceError> {
    let opened = tables::open(request, definitions, changed).await;
    let opened = opened.map_err(DifferenceError::Tables)?;
    let (context, registry) = (opened.context.clone(), &definitions.registry);
    let (snapshot, principal) = (request.snapshot.clone(), request.principal.clone());
    let preview = Preview::new(context, registry, request.engine, snapshot, principal);
    Ok((preview.map_err(DifferenceError::Numbers)?, opened))
}

/// Public metrics that may differ, by id.
fn metrics(
    request: &DifferenceRequest<'_>,
    changed: &BTreeMap<String, Change>,
) -> BTreeMap<String, Change> {
    let (published, proposed) = (&request.published.registry, &request.proposed.registry);
    let public = |of: &Registry| -> BTreeSet<String> {
        of.metrics.values().filter(|it| !it.private).map(|it| it.id.clone()).collect()
    };
    let (before, after) = (public(published), public(proposed));
    let mut metrics = BTreeMap::new();
    for id in before.union(&after) {
        let change = match (before.contains(id), after.contains(id)) {
            (false, _) => Some(Change::New),
            (_, false) => Some(Change::Removed),
            _ => metric(id, published, proposed, changed),
        };
        metrics.extend(change.map(|change| (id.clone(), change)));
    }
    metrics
}

/// How a metric both know may differ.
fn metric(
    id: &str,
    published: &Registry,
    proposed: &Registry,
    changed: &BTreeMap<String, Change>,
) -> Option<Change> {
    let own = definition(published.metric(id)?, proposed.metric(id)?);
    if own == Some(Change::Changed) {
        return own;
    }
    let computed = |input: &String| match (published.metric(input), proposed.metric(input)) {
        (Some(before), Some(after)) => definition(before, after) == Some(Change::Changed),
        _ => true,
    };
    let inputs = proposed.behind(id);
    let reads_changed = proposed.metric_tables(id).iter().any(|table| changed.contains_key(table));
    if reads_changed || inputs.iter().any(computed) { Some(Change::Affected) } else { own }
}

/// Days with published rows of the metrics to be evaluated, as many as one question may ask for.
async fn days(
    request: &DifferenceRequest<'_>,
    metrics: &BTreeMap<String, Change>,
    before: &Preview,
) -> Result<Option<DateRange>, DifferenceError> {
    let mut ends: Vec<NaiveDate> = Vec::new();
    let evaluated = |change: &Change| matches!(change, Change::Changed | Change::Affected);
    for (id, _) in metrics.iter().filter(|(_, change)| evaluated(change)) {
        let days = before.days(&request.published.registry, id).await;
        if let Some(days) = days.map_err(DifferenceError::Numbers)? {
            ends.extend([days.from, days.to]);
        }
    }
    let latest = request.snapshot.business_date + AHEAD;
    let Some(to) = ends.iter().max() else { return Ok(None) };
    // Stocks and windows stand on after their last row.
    let to = (*to).max(request.snapshot.business_date).min(latest);
    let longest = Days::new(u64::try_from(DateRange::MAX_DAYS - 1).unwrap_or(0));
    let from = ends.iter().min().map_or(to, |day| (*day).max(to - longest).min(to));
    Ok(Some(DateRange { from, to }))
}
