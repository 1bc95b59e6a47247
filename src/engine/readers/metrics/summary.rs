//! Which questions nightly summaries answer in place of the tables they sum up.
//!
//! Owns the choice. A summary answers when everything a question reads of its source is in it:
//! every metric, every dimension asked for, and the day and the column of row policy, which every
//! summary keeps. What it gives is what the source would give, because a sum of sums is the sum.
//! A snapshot made by other definitions is read from its sources: its summaries hold what other
//! formulas said.

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::metric::{Aggregate, Formula, MetricDefinition};
use hub_domain::snapshot::Snapshot;
use hub_lake::TableId;

use super::compile::{Input, Reading};
use super::measure::Measure;
use crate::readers::Definitions;
use crate::readers::catalogue::Catalogue;
use crate::registry::Summary;

/// Summaries a snapshot has.
#[must_use]
pub(crate) fn of_snapshot<'a>(
    definitions: &'a Definitions,
    snapshot: &Snapshot,
) -> Vec<&'a Summary> {
    if snapshot.definition_hash != definitions.hash {
        return Vec::new();
    }
    let there = |it: &&Summary| snapshot.tables.contains_key(&TableId::hub(&it.table).key());
    definitions.summaries.iter().filter(there).collect()
}

/// Summaries one question is answered from, by the table and day they stand for.
#[derive(Debug, Default)]
pub(crate) struct Chosen<'a>(BTreeMap<(&'a str, &'a str), &'a Summary>);

/// Chooses among `reading.summaries`. Inputs that read the same rows share a statement, so either
/// all of them are read from a summary or none.
pub(crate) fn choose<'a>(
    catalogue: &Catalogue,
    inputs: &BTreeSet<Input>,
    reading: &Reading<'a>,
) -> Chosen<'a> {
    if reading.summaries.is_empty() {
        return Chosen::default();
    }
    let asked: Vec<&str> = reading
        .group_by
        .iter()
        .chain(reading.filter.iter().map(|filter| &filter.dimension))
        .map(|id| base_of(catalogue, id))
        .collect();
    let find = |id: &str| catalogue.find(id).map(|metric| &metric.definition);
    let mut chosen: BTreeMap<(&str, &str), &Summary> = BTreeMap::new();
    for summary in reading.summaries {
        let (source, time) = (summary.definition.source.as_str(), summary.definition.time.as_str());
        let answers = asked.iter().all(|id| summary.columns.contains_key(*id))
            && inputs.iter().all(|input| match find(&input.metric) {
                Some(metric) => match summed(metric, &find) {
                    Some(simple) if reads(simple, source, time) => {
                        summary.measures.contains_key(&simple.id)
                    }
                    _ => true,
                },
                None => true,
            });
        let smaller = chosen
            .get(&(source, time))
            .is_none_or(|other| summary.columns.len() < other.columns.len());
        if answers && smaller {
            chosen.insert((source, time), summary);
        }
    }
    Chosen(chosen)
}

/// A dimension that is looked up by another one is asked for as that other one.
fn base_of<'a>(catalogue: &'a Catalogue, id: &'a str) -> &'a str {
    let rollup = catalogue.dimension(id).ok().and_then(|dimension| dimension.rollup.as_ref());
    rollup.map_or(id, |rollup| rollup.of.as_str())
}

/// The simple metric an input aggregates the rows of.
fn summed<'a>(
    metric: &'a MetricDefinition,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Option<&'a MetricDefinition> {
    match &metric.formula {
        Formula::Simple(_) => Some(metric),
        Formula::Cumulative(cumulative) => find(&cumulative.metric),
        _ => None,
    }
}

fn reads(metric: &MetricDefinition, source: &str, time: &str) -> bool {
    matches!(&metric.formula, Formula::Simple(it) if it.source == source && it.time == time)
}

impl<'a> Chosen<'a> {
    /// The measure over the chosen summary; as it is when none was chosen.
    pub(crate) fn instead<'m>(
        &self,
        metric: &MetricDefinition,
        measured: Measure<'m>,
        catalogue: &Catalogue,
    ) -> Measure<'m>
    where
        'a: 'm,
    {
        let find = |id: &str| catalogue.find(id).map(|metric| &metric.definition);
        let simple = summed(metric, &find);
        let Some((id, Formula::Simple(it))) = simple.map(|it| (&it.id, &it.formula)) else {
            return measured;
        };
        let summary = self.0.get(&(it.source.as_str(), it.time.as_str()));
        let Some((summary, summed)) =
            summary.and_then(|summary| Some((*summary, summary.measures.get(id)?)))
        else {
            return measured;
        };
        Measure {
            relation: format!("hub.{}", summary.table),
            aggregate: Aggregate::Sum,
            expression: Some(summed.value.clone()),
            // Days and dimensions without a row the metric counts are not there for it.
            filter: summed.rows.as_ref().map(|rows| format!("{rows} > 0")),
            dimensions: &summary.columns,
            ..measured
        }
    }
}
