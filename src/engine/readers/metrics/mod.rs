//! Answers to metrics queries.
//!
//! Owns the way from a question to an answer: check, compile, run together, add up, divide,
//! fill gaps, order, page. Aggregates of all filtered, permitted rows are taken before `having`
//! and before paging, so totals never depend on either.

pub mod compile;
pub(crate) mod labels;
mod order;
mod sums;
#[cfg(test)]
mod tests;
pub mod window;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use hub_domain::Error;
use hub_domain::calendar::DateRange;
use hub_domain::metric::{Aggregate, DimensionValue, MetricsQuery, MetricsResult, MetricsRow};
use hub_domain::principal::SiteScope;

use super::Source;
use super::catalogue::{Catalogue, Metric};
use compile::{Input, Reading, Statement, compile, inputs_of, not_groupable};
use sums::Sums;
use window::Shift;

pub(crate) use sums::rounded;

/// Most rows one answer may have before paging.
const MAX_ROWS: usize = 200_000;

/// Which metrics a query may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visible {
    /// Only those of the catalogue.
    Public,
    /// Private inputs too: for boards and alerts.
    All,
}

/// Answers `query`.
///
/// # Errors
/// `BadInput` for unknown metrics, dimensions, orders or cursors, always with what is valid;
/// `Limit` when the answer would have more than 200,000 rows.
pub(crate) async fn answer(
    source: &dyn Source,
    query: &MetricsQuery,
    visible: Visible,
) -> Result<MetricsResult, Error> {
    let catalogue = &source.definitions().catalogue;
    let metrics = check(catalogue, query, visible)?;
    let compare = query.compare.map(Shift::compare);
    let mut inputs = BTreeSet::new();
    for metric in &metrics {
        inputs_of(catalogue, metric, Shift::default(), &mut inputs);
        if let Some(shift) = compare {
            inputs_of(catalogue, metric, shift, &mut inputs);
        }
    }
    let reading = Reading {
        range: query.range,
        grain: query.grain,
        group_by: &query.group_by,
        by_period: query.grain.is_some(),
        filter: &query.filter,
    };
    let split = reading.by_period || !reading.group_by.is_empty();
    let distinct: BTreeSet<Input> =
        inputs.iter().filter(|input| split && is_distinct(catalogue, input)).cloned().collect();
    let whole = Reading { group_by: &[], by_period: false, ..reading };

    let (rows, totals, labels) = futures::join!(
        read(source, catalogue, &inputs, &reading),
        read(source, catalogue, &distinct, &whole),
        labels::load(source, &query.group_by),
    );
    let ((sums, mut statements), (distinct, more), labels) = (rows?, totals?, labels?);
    statements.extend(more);
    let mut total = sums.total()?;
    total.replace(distinct);

    let evaluator = total.evaluator(catalogue, None);
    let totals = metrics
        .iter()
        .map(|metric| evaluator.value(metric, (None, 0), compare))
        .collect::<Result<Vec<_>, Error>>()?;
    let rows = all_rows(catalogue, query, &metrics, &sums, compare)?;
    let rows = order::kept_and_sorted(rows, query)?;
    let (mut rows, cursors, has_next_page) = order::page(rows, query, source.snapshot().id)?;
    labels.put(&mut rows);

    let mut freshness = source.freshness();
    freshness.provisional = query.range.to > freshness.data_through;
    let sql = match source.principal().sites {
        SiteScope::All => statements.iter().map(Statement::display).collect(),
        SiteScope::Only(_) => Vec::new(),
    };
    Ok(MetricsResult { rows, totals, cursors, has_next_page, freshness, sql })
}

fn is_distinct(catalogue: &Catalogue, input: &Input) -> bool {
    let simple = catalogue.find(&input.metric).and_then(Metric::simple);
    simple.is_some_and(|simple| simple.aggregate == Aggregate::CountDistinct)
}

/// Resolves the metrics asked for and refuses what they do not allow.
fn check<'a>(
    catalogue: &'a Catalogue,
    query: &MetricsQuery,
    visible: Visible,
) -> Result<Vec<&'a Metric>, Error> {
    if query.metrics.is_empty() {
        return Err(Error::bad_input("name at least one metric"));
    }
    DateRange::new(query.range.from, query.range.to)?;
    let mut metrics = Vec::with_capacity(query.metrics.len());
    for id in &query.metrics {
        let metric = catalogue.metric(id)?;
        if metric.definition.private && visible == Visible::Public {
            return Err(Error::bad_input_hint(
                format!("metric `{id}` is only an input of others"),
                "see `metricCatalog` for metrics that can be asked for",
            ));
        }
        metrics.push(metric);
    }
    for (index, id) in query.group_by.iter().enumerate() {
        if query.group_by[..index].contains(id) {
            return Err(Error::bad_input(format!("dimension `{id}` is grouped by twice")));
        }
    }
    let asked = query.group_by.iter().chain(query.filter.iter().map(|filter| &filter.dimension));
    for id in asked {
        catalogue.dimension(id)?;
        for metric in &metrics {
            if !metric.dimensions.contains(id) {
                return Err(not_groupable(&metric.definition.id, id, &metric.dimensions));
            }
        }
    }
    Ok(metrics)
}

/// Runs the statements of `inputs` together and adds up their answers.
async fn read(
    source: &dyn Source,
    catalogue: &Catalogue,
    inputs: &BTreeSet<Input>,
    reading: &Reading<'_>,
) -> Result<(Sums, Vec<Statement>), Error> {
    let statements = compile(catalogue, inputs, reading)?;
    let running = statements.iter().map(|it| source.fetch(&it.sql, it.params.clone()));
    let answers = futures::future::try_join_all(running).await?;
    let mut sums = Sums::default();
    if reading.group_by.is_empty() {
        sums.show_everything();
    }
    for (statement, batches) in statements.iter().zip(&answers) {
        sums.add(statement, reading.group_by.len(), reading.by_period, batches)?;
    }
    Ok((sums, statements))
}

/// Every row before `having`, order and page. With a grain, every period of the range appears
/// for every combination of dimension values.
fn all_rows(
    catalogue: &Catalogue,
    query: &MetricsQuery,
    metrics: &[&Metric],
    sums: &Sums,
    compare: Option<Shift>,
) -> Result<Vec<MetricsRow>, Error> {
    let periods: Vec<Option<NaiveDate>> = match query.grain {
        Some(grain) => grain.periods(query.range).into_iter().map(Some).collect(),
        None => vec![None],
    };
    let combinations = sums.combinations().count();
    if combinations.saturating_mul(periods.len()) > MAX_ROWS {
        return Err(Error::Limit { limit: format!("{MAX_ROWS} rows of one metrics answer") });
    }
    let evaluator = sums.evaluator(catalogue, query.grain);
    let mut rows = Vec::with_capacity(combinations * periods.len());
    for period in periods {
        for (index, combination) in sums.combinations() {
            let values = metrics
                .iter()
                .map(|metric| evaluator.value(metric, (period, index), compare))
                .collect::<Result<Vec<_>, Error>>()?;
            let dimensions = query.group_by.iter().zip(combination).map(|(id, value)| {
                DimensionValue { id: id.clone(), value: value.clone(), label: None }
            });
            rows.push(MetricsRow { period, dimensions: dimensions.collect(), values });
        }
    }
    Ok(rows)
}
