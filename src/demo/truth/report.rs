//! `truth.json`: its shape, and how counts become values.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{METRICS, Metric, Shape, Tally};
use crate::dirt::Quarantine;
use crate::sink::Sink;
use crate::table::TABS;

/// What a correct hub must find. Written beside the sources, never read by the product.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Truth {
    /// Seed of the demo.
    pub seed: u64,
    /// Human beings made.
    pub people: u64,
    /// First day.
    pub from: String,
    /// Last business day.
    pub to: String,
    /// Accepted rows per canonical table after the last night.
    pub tables: BTreeMap<String, u64>,
    /// What each night adds, changes and deletes.
    pub nights: Vec<TruthNight>,
    /// Rejected rows per source table and reason.
    pub quarantined: Quarantine,
    /// Persons by the identity rule, over patient records and customers.
    pub persons: u64,
    /// Totals over the whole span.
    pub money_fen: TruthMoney,
    /// Metrics per site and month.
    pub metrics: Vec<TruthMetric>,
    /// Planted deviations.
    pub anomalies: Vec<TruthAnomaly>,
    /// Subjects and months for which each rule fires.
    pub rules: BTreeMap<String, Vec<TruthRule>>,
}

/// Totals in fen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TruthMoney {
    /// Receivable of all lines.
    pub billed: i64,
    /// Cash, top-ups and insurance received.
    pub cash: i64,
    /// Redeemed or delivered at once.
    pub earned: i64,
    /// Given back.
    pub refund: i64,
}

/// Changes of one night: table → inserted, updated, deleted rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthNight {
    /// Business day.
    pub date: String,
    /// `<source>.<table>` → change → rows.
    pub tables: BTreeMap<String, BTreeMap<String, u64>>,
}

/// One metric of one site and month. Counts and money are integers, ratios decimal strings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TruthMetric {
    /// Metric id.
    pub metric: String,
    /// Code of the site.
    pub site: String,
    /// `YYYY-MM`.
    pub month: String,
    /// Count or fen.
    pub numerator: i64,
    /// Count or fen; one for counts.
    pub denominator: i64,
    /// The value itself.
    pub value: Value,
}

/// A planted deviation of a metric at a site, both days included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthAnomaly {
    /// Metric id.
    pub metric: String,
    /// Code of the site.
    pub site: String,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// `up` or `down`.
    pub direction: String,
}

/// A rule firing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRule {
    /// `practitioner:<id>` or `site:<code>`.
    pub subject: String,
    /// `YYYY-MM`.
    pub month: String,
}

impl Tally<'_> {
    /// The finished truth.
    pub(crate) fn report(mut self, sink: &Sink<'_>, quarantined: Quarantine) -> Truth {
        self.derive();
        let world = self.world;
        let mut tables: BTreeMap<String, u64> =
            TABS.iter().map(|tab| (tab.canonical().to_owned(), sink.rows(*tab))).collect();
        tables.insert("person".to_owned(), self.persons);
        let anomalies = world.calendar.anomalies.iter().map(|one| TruthAnomaly {
            metric: one.metric.to_owned(),
            site: world.org.sites[one.site].code.clone(),
            from: one.from.date().to_string(),
            to: one.to.date().to_string(),
            direction: if one.factor < 1.0 { "down" } else { "up" }.to_owned(),
        });
        Truth {
            seed: world.seed,
            people: world.people,
            from: world.from.date().to_string(),
            to: world.to.date().to_string(),
            tables,
            nights: nights(&self, sink),
            quarantined,
            persons: self.persons,
            money_fen: self.money,
            metrics: self.metrics(),
            anomalies: anomalies.collect(),
            rules: self.rules.fired(world),
        }
    }

    /// Totals and the metrics made of other metrics.
    fn derive(&mut self) {
        let keys: Vec<_> = self.cells.keys().copied().collect();
        for (metric, site, month) in keys {
            let (numerator, denominator) = self.of(metric, site, month);
            match metric {
                Metric::RevenueBilled => self.money.billed += numerator,
                Metric::RevenueCash => self.money.cash += numerator,
                Metric::RevenueEarned => self.money.earned += numerator,
                Metric::RefundRate => self.money.refund += numerator,
                Metric::Arrivals => {
                    let cell = self.cells.entry((Metric::ComplaintRate, site, month)).or_default();
                    cell.1 = denominator;
                }
                _ => {}
            }
        }
        for ((site, month), costs) in self.costs.clone() {
            let earned = self.of(Metric::RevenueEarned, site, month).0;
            let visits = self.of(Metric::Arrivals, site, month).0;
            self.cells.insert((Metric::GrossMargin, site, month), (earned - costs.direct, earned));
            self.cells.insert((Metric::CostPerEncounter, site, month), (costs.total, visits));
            self.cells.insert((Metric::MaterialRatio, site, month), (costs.material, earned));
        }
    }

    fn metrics(&self) -> Vec<TruthMetric> {
        let mut metrics = Vec::new();
        for metric in METRICS {
            let own = self.cells.iter().filter(|((own, _, _), _)| own == metric);
            for ((_, site, month), (numerator, denominator)) in own {
                let count = metric.shape() == Shape::Count;
                let value = if count {
                    Value::from(*numerator)
                } else if *denominator == 0 {
                    continue;
                } else {
                    Value::from(quotient(*numerator, *denominator, factor(metric.shape())))
                };
                metrics.push(TruthMetric {
                    metric: metric.name().to_owned(),
                    site: self.world.org.sites[*site].code.clone(),
                    month: month.label(),
                    numerator: *numerator,
                    denominator: if count { 1 } else { *denominator },
                    value,
                });
            }
        }
        metrics
    }
}

fn factor(shape: Shape) -> i128 {
    match shape {
        Shape::Count | Shape::Ratio => 1,
        Shape::Percent => 100,
        Shape::PerMille => 1000,
    }
}

/// The quotient to twelve decimals, half away from zero.
fn quotient(numerator: i64, denominator: i64, factor: i128) -> String {
    const SCALE: i128 = 1_000_000_000_000;
    let top = i128::from(numerator) * factor * SCALE * 2;
    let bottom = i128::from(denominator).abs();
    let sign = if (numerator < 0) == (denominator < 0) { "" } else { "-" };
    let rounded = (top.abs() / bottom + 1) / 2;
    let sign = if rounded == 0 { "" } else { sign };
    format!("{sign}{}.{:012}", rounded / SCALE, rounded % SCALE)
}

fn nights(tally: &Tally<'_>, sink: &Sink<'_>) -> Vec<TruthNight> {
    let one = |(night, changes): (usize, &Vec<crate::sink::Changes>)| {
        let tables = TABS.iter().filter_map(|tab| {
            let change = changes[*tab as usize];
            let counts: BTreeMap<String, u64> = [
                ("inserted", change.inserted),
                ("updated", change.updated),
                ("deleted", change.deleted),
            ]
            .into_iter()
            .filter(|(_, rows)| *rows > 0)
            .map(|(name, rows)| (name.to_owned(), rows))
            .collect();
            let name = format!("{}.{}", tab.source().name(), tab.name());
            (!counts.is_empty()).then_some((name, counts))
        });
        let date = tally.world.cuts[night].day().date().to_string();
        TruthNight { date, tables: tables.collect() }
    };
    sink.changes.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_round_half_away_from_zero() {
        assert_eq!(quotient(1, 3, 1), "0.333333333333");
        assert_eq!(quotient(-2, 3, 100), "-66.666666666667");
        assert_eq!(quotient(0, 7, 1), "0.000000000000");
    }
}
