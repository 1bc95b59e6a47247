//! The numbers of changed metrics on both sides, per site and month.

use std::collections::BTreeMap;

use hub_domain::Error as PortError;
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::difference::{Numbers, Weighed, numbers};
use hub_domain::metric::{MetricsQuery, MetricsRow};
use hub_engine::Preview;

use super::{DifferenceError, DifferenceRequest};

/// Dimension numbers are told by.
const SITE: &str = "site";

/// Both sides of a comparison.
pub(super) struct Compared<'a> {
    pub(super) request: &'a DifferenceRequest<'a>,
    pub(super) before: &'a Preview,
    pub(super) after: &'a Preview,
}

/// Numbers compared and those that differ, or why they cannot be known.
type Outcome = Result<(usize, Vec<Weighed>), String>;

impl Compared<'_> {
    /// Compares `metrics` over `range`.
    pub(super) async fn run(
        &self,
        metrics: &[String],
        range: DateRange,
    ) -> Result<BTreeMap<String, Outcome>, DifferenceError> {
        let mut outcomes = BTreeMap::new();
        // Metrics of the same tables asked together are read together.
        let (by_site, whole): (Vec<String>, Vec<String>) =
            metrics.iter().cloned().partition(|metric| self.has_sites(metric));
        for (metrics, group_by) in [(by_site, vec![SITE.to_owned()]), (whole, Vec::new())] {
            let query = |metrics: &[String]| MetricsQuery {
                group_by: group_by.clone(),
                grain: Some(Grain::Month),
                ..MetricsQuery::total(
                    &metrics.iter().map(String::as_str).collect::<Vec<_>>(),
                    range,
                )
            };
            if metrics.is_empty() {
                continue;
            }
            let before = ask(self.before, &query(&metrics)).await;
            let before = before.map_err(DifferenceError::Numbers)?;
            let mut after = BTreeMap::new();
            match ask(self.after, &query(&metrics)).await {
                Ok(all) => after.extend(all.into_iter().map(|(id, it)| (id, Ok(it)))),
                // One that cannot be evaluated must not hide the others.
                Err(_) => {
                    for metric in &metrics {
                        let one = ask(self.after, &query(std::slice::from_ref(metric))).await;
                        let one = one.map(|mut it| it.remove(metric).unwrap_or_default());
                        after.insert(metric.clone(), one.map_err(|error| told(&error)));
                    }
                }
            }
            for metric in metrics {
                let published = before.get(&metric).cloned().unwrap_or_default();
                let proposed = after.remove(&metric).unwrap_or_else(|| Ok(Numbers::new()));
                let outcome = proposed.map(|proposed| numbers(&metric, &published, &proposed));
                outcomes.insert(metric, outcome);
            }
        }
        Ok(outcomes)
    }

    fn has_sites(&self, metric: &str) -> bool {
        [self.request.published, self.request.proposed].iter().all(|side| {
            side.registry.metric_dimensions(metric).iter().any(|dimension| dimension.id == SITE)
        })
    }
}

/// What is told of a failure: the port's own texts hold no data, an outage's cause may.
fn told(error: &PortError) -> String {
    match error {
        PortError::Internal(_) => "its query does not run over the published data".to_owned(),
        other => other.to_string(),
    }
}

/// Every number of every metric of `query`, page by page.
async fn ask(
    preview: &Preview,
    query: &MetricsQuery,
) -> Result<BTreeMap<String, Numbers>, PortError> {
    let mut found: BTreeMap<String, Numbers> = BTreeMap::new();
    let mut query = query.clone();
    loop {
        let answer = preview.metrics(&query).await?;
        for row in &answer.rows {
            put(row, &mut found);
        }
        match answer.cursors.last().filter(|_| answer.has_next_page) {
            Some(cursor) => query.page.after = Some(cursor.clone()),
            None => return Ok(found),
        }
    }
}

fn put(row: &MetricsRow, into: &mut BTreeMap<String, Numbers>) {
    let site = row.dimensions.first().and_then(|dimension| dimension.value.clone());
    let Some(month) = row.period else { return };
    for value in &row.values {
        let numbers = into.entry(value.metric.clone()).or_default();
        numbers.insert((site.clone(), month), value.value.map(|it| it.normalize()));
    }
}
