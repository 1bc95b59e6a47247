//! What metrics are defined by, over however many others; perhaps themselves.

use std::collections::BTreeSet;

use hub_domain::metric::{Expression, Formula, MetricDefinition};

use super::Registry;

/// A way from a metric back to itself.
pub(super) struct Circle {
    /// Key of the first metric's definition under which the way begins.
    pub(super) key: &'static str,
    metrics: Vec<String>,
}

impl Circle {
    /// The metrics in order, the first one again at the end.
    pub(super) fn names(&self) -> String {
        self.metrics.join("` → `")
    }
}

/// The shortest way from metric `id` back to itself; none when there is none.
pub(super) fn through(registry: &Registry, id: &str) -> Option<Circle> {
    let start = registry.metric(id)?;
    let mut ways: Vec<(&'static str, Vec<String>)> =
        needs(start).into_iter().map(|(key, next)| (key, vec![id.to_owned(), next])).collect();
    let mut next = 0;
    while let Some((key, way)) = ways.get(next).cloned() {
        next += 1;
        let last = way.last().cloned().unwrap_or_default();
        if last == id {
            return Some(Circle { key, metrics: way });
        }
        for (_, further) in registry.metric(&last).map(needs).unwrap_or_default() {
            let seen = further != id && ways.iter().any(|(_, way)| way.last() == Some(&further));
            if !seen {
                ways.push((key, [&way[..], &[further]].concat()));
            }
        }
    }
    None
}

/// Every metric behind metric `id`, itself first.
pub(super) fn behind(registry: &Registry, id: &str) -> Vec<String> {
    let mut found = vec![id.to_owned()];
    let mut known = BTreeSet::from([id.to_owned()]);
    let mut next = 0;
    while let Some(metric) = found.get(next) {
        let named = registry.metric(metric).map(needs).unwrap_or_default();
        found.extend(named.into_iter().map(|(_, id)| id).filter(|id| known.insert(id.clone())));
        next += 1;
    }
    found
}

/// Metrics a definition names, with the key that names them.
fn needs(metric: &MetricDefinition) -> Vec<(&'static str, String)> {
    let texts = match &metric.formula {
        Formula::Ratio(ratio) => {
            vec![("numerator", &ratio.numerator), ("denominator", &ratio.denominator)]
        }
        Formula::Derived(derived) => vec![("expression", &derived.expression)],
        Formula::Cumulative(cumulative) => vec![("metric", &cumulative.metric)],
        Formula::Simple(_) | Formula::Stock(_) | Formula::Conversion(_) | Formula::Cohort(_) => {
            Vec::new()
        }
    };
    let named = texts.into_iter().flat_map(|(key, text)| {
        let parsed = Expression::parse(text).ok();
        let leaves = parsed.iter().flat_map(Expression::leaves).cloned().collect::<Vec<String>>();
        leaves.into_iter().map(move |id| (key, id))
    });
    named.collect()
}
