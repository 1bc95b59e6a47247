//! Answers to metrics queries.
//!
//! Owns the way from a question to an answer: check, compile, run together, add up, divide,
//! fill gaps, order, page. Aggregates of all filtered, permitted rows are taken before `having`
//! and before paging, so totals never depend on either.

pub mod compile;
#[cfg(test)]
mod dimension_tests;
pub(crate) mod labels;
pub(crate) mod measure;
mod order;
pub mod position;
mod sums;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod type_tests;
pub mod window;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use hub_domain::Error;
use hub_domain::calendar::DateRange;
use hub_domain::metric::{Additivity, DimensionValue, MetricsQuery, MetricsResult, MetricsRow};
use hub_domain::principal::SiteScope;

use super::Source;
use super::catalogue::{Catalogue, Metric};
use compile::{Input, Reading, Statement, compile, inputs_of};
use sums::Sums;
use window::Shift;

pub(crate) use hub_domain::metric::rounded;

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
    let query = &MetricsQuery { grain: catalogue.grain(query.grain), ..query.clone() };
    let metrics = check(catalogue, query, visible)?;
    let shift = |compare| Shift::compare(compare, query.range, query.grain);
    let compare = query.compare.map(shift).transpose()?;
    let mut inputs = BTreeSet::new();
    for metric in &metrics {
        inputs_of(metric, Shift::default(), &mut inputs);
        if let Some(shift) = compare {
            inputs_of(metric, shift, &mut inputs);
        }
    }
    let reading = Reading {
        range: query.range,
        grain: query.grain,
        group_by: &query.group_by,
        by_period: query.grain.is_some(),
        filter: &query.filter,
        through: source.snapshot().business_date,
        approximate: query.approximate,
    };
    let split = reading.by_period || !reading.group_by.is_empty();
    // What does not add up is aggregated again for the totals.
    let adds_up = |input: &Input| catalogue.input_additivity(&input.atom()) == Additivity::Full;
    let again: BTreeSet<Input> =
        inputs.iter().filter(|input| split && !adds_up(input)).cloned().collect();
    let whole = Reading { group_by: &[], by_period: false, ..reading };

    let (rows, totals, labels) = futures::join!(
        read(source, catalogue, &inputs, &reading),
        read(source, catalogue, &again, &whole),
        labels::load(source, &query.group_by),
    );
    let ((sums, mut statements), (whole, more), labels) = (rows?, totals?, labels?);
    statements.extend(more);
    let mut total = sums.total(&again)?;
    total.take_over(whole);

    let evaluator = total.evaluator(catalogue, None, query.approximate);
    let totals = metrics
        .iter()
        .map(|metric| evaluator.value(metric, (None, 0), compare, &[]))
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
                return Err(not_together(catalogue, &metrics, metric, id));
            }
        }
    }
    Ok(metrics)
}

/// The refusal of a dimension one of the metrics asked for does not have: what all of them share,
/// and which metrics have it.
fn not_together(
    catalogue: &Catalogue,
    metrics: &[&Metric],
    metric: &Metric,
    dimension: &str,
) -> Error {
    let shared = |id: &&String| metrics.iter().all(|metric| metric.dimensions.contains(*id));
    let valid: Vec<String> = metric.dimensions.iter().filter(shared).cloned().collect();
    let having = catalogue.public().filter(|it| {
        catalogue.find(&it.id).is_some_and(|it| it.dimensions.iter().any(|own| own == dimension))
    });
    let having: Vec<&str> = having.map(|metric| metric.id.as_str()).collect();
    let names: Vec<&str> = metrics.iter().map(|it| it.definition.id.as_str()).collect();
    Error::bad_input_hint(
        format!("metric `{}` cannot be grouped or filtered by `{dimension}`", metric.definition.id),
        format!(
            "valid dimensions of `{}`: {}; metrics with `{dimension}`: {}",
            names.join("`, `"),
            valid.join(", "),
            having.join(", ")
        ),
    )
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
    let evaluator = sums.evaluator(catalogue, query.grain, query.approximate);
    let mut rows = Vec::with_capacity(combinations * periods.len());
    let mut before: Vec<NaiveDate> = Vec::new();
    for period in periods {
        for (index, combination) in sums.combinations() {
            let values = metrics
                .iter()
                .map(|metric| evaluator.value(metric, (period, index), compare, &before))
                .collect::<Result<Vec<_>, Error>>()?;
            let dimensions = query.group_by.iter().zip(combination).map(|(id, value)| {
                DimensionValue { id: id.clone(), value: value.clone(), label: None }
            });
            rows.push(MetricsRow { period, dimensions: dimensions.collect(), values });
        }
        if let Some(period) = period {
            before.insert(0, period);
        }
    }
    Ok(rows)
}
