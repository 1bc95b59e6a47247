//! Whether definitions fit each other and the contracts: every id, table, column and dimension
//! named anywhere must exist, and nothing that cannot be added is declared additive.

mod funnel;
mod metric;

use std::collections::BTreeMap;

use hub_domain::alert::{AlertRule, Condition};
use hub_domain::analysis::costing::RuleVersion;
use hub_domain::board::{BoardDefinition, ChartDefinition, LaneSource, TileDefinition};
use hub_domain::contract::ColumnType;
use hub_domain::funnel::FunnelDefinition;
use hub_domain::metric::MetricDefinition;
use hub_domain::project::{Problem, ProjectFiles};
use hub_lake::Contracts;

use super::files::Located;
use super::{DIMENSIONS, Registry};

/// Definitions with their places.
pub(super) struct Found<'a> {
    pub(super) metrics: &'a [Located<MetricDefinition>],
    pub(super) funnels: &'a [Located<FunnelDefinition>],
    pub(super) boards: &'a [Located<BoardDefinition>],
    pub(super) alerts: &'a [Located<AlertRule>],
}

/// Checks against a registry whose definitions have all been read.
pub(super) struct Checker<'a> {
    pub(super) project: &'a ProjectFiles,
    pub(super) registry: &'a Registry,
    pub(super) contracts: &'a Contracts,
}

/// What is wrong and what to do.
type Fault = (String, Option<&'static str>);

impl Checker<'_> {
    pub(super) fn run(&self, found: &Found<'_>, problems: &mut Vec<Problem>) {
        self.dimensions(problems);
        check(found.metrics, problems, |metric, faults| self.metric(metric, faults));
        self.funnels(found.funnels, problems);
        check(found.boards, problems, |board, faults| self.board(board, faults));
        check(found.alerts, problems, |rule, faults| self.alert(rule, faults));
    }

    fn dimensions(&self, problems: &mut Vec<Problem>) {
        for dimension in &self.registry.dimensions {
            let mut faults = Vec::new();
            if let Some(table) = &dimension.label_table {
                for column in [&dimension.label_key, &dimension.label_column] {
                    match column {
                        Some(column) => self.column(table, column, &[], &mut faults),
                        None => faults.push((
                            format!("dimension `{}` has a label table only", dimension.id),
                            Some("add `label_key` and `label_column`"),
                        )),
                    }
                }
            }
            if let Some(rollup) = &dimension.rollup {
                if self.registry.dimension(&rollup.of).is_none_or(|of| of.rollup.is_some()) {
                    let what = format!("dimension `{}` cannot follow from it", dimension.id);
                    faults.push((what, Some("`of` is a dimension without a roll-up")));
                }
                let days = [ColumnType::Date];
                self.column(&rollup.table, &rollup.valid_from, &days, &mut faults);
                self.column(&rollup.table, &rollup.key, &[], &mut faults);
                self.column(&rollup.table, &rollup.column, &[], &mut faults);
            }
            for (what, hint) in faults {
                let hint = hint.map(str::to_owned);
                problems.push(Problem { file: DIMENSIONS.to_owned(), line: 0, what, hint });
            }
        }
    }

    fn board(&self, board: &BoardDefinition, faults: &mut Vec<Fault>) {
        for TileDefinition { metric, filter, .. } in &board.tiles {
            self.uses(metric, filter.keys(), faults);
        }
        for ChartDefinition { metrics, group_by, .. } in &board.charts {
            for metric in metrics {
                self.uses(metric, group_by.iter(), faults);
            }
        }
        if let Some(LaneSource { source, day, dimensions, .. }) = &board.lanes {
            self.column(source, day, &[ColumnType::Date], faults);
            self.known_dimensions(dimensions, faults);
            for card in ["card_id", "masked_name", "subtitle", "planned_at", "site_id", "person_id"]
            {
                self.column(source, card, &[], faults);
            }
        }
    }

    fn alert(&self, rule: &AlertRule, faults: &mut Vec<Fault>) {
        match &rule.condition {
            Condition::Metric { metric, subject, filter, min_volume, .. } => {
                // Practitioners have dimensions of their own, whatever the metric has.
                let of_staff = |dimension: &&String| {
                    matches!(subject.as_str(), "doctor" | "consultant")
                        && matches!(dimension.as_str(), "site" | "brand" | "business_line")
                };
                let of_metric = filter.keys().filter(|dimension| !of_staff(dimension));
                self.uses(metric, of_metric.chain([subject]), faults);
                for volume in min_volume.keys() {
                    self.uses(volume, [subject].into_iter(), faults);
                }
            }
            Condition::DataLate { source, time, subject, .. } => {
                self.column(source, time, &[ColumnType::Date, ColumnType::Timestamp], faults);
                self.column(source, subject, &[], faults);
            }
        }
    }

    /// A metric used with dimensions: both must exist and fit.
    fn uses<'d>(
        &self,
        metric: &str,
        dimensions: impl Iterator<Item = &'d String>,
        faults: &mut Vec<Fault>,
    ) {
        if self.registry.metric(metric).is_none() {
            faults.push((format!("unknown metric `{metric}`"), Some("see `queries/metrics`")));
            return;
        }
        let allowed = self.registry.metric_dimensions(metric);
        for dimension in dimensions {
            if !allowed.iter().any(|known| known.id == *dimension) {
                let what = format!("metric `{metric}` has no dimension `{dimension}`");
                faults.push((what, Some("ratios have the dimensions all their inputs share")));
            }
        }
    }

    fn known_dimensions(&self, used: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
        for id in used.keys().filter(|id| self.registry.dimension(id).is_none()) {
            let hint = "declare it in `queries/metrics/dimensions.yaml`";
            faults.push((format!("unknown dimension `{id}`"), Some(hint)));
        }
    }

    fn table(&self, table: &str, faults: &mut Vec<Fault>) {
        if !self.contracts.tables.contains_key(table) {
            let hint = "tables are the files of `schema/tables`";
            faults.push((format!("unknown table `{table}`"), Some(hint)));
        }
    }

    /// A column must exist and, where `types` says so, be of one of these types.
    fn column(&self, table: &str, column: &str, types: &[ColumnType], faults: &mut Vec<Fault>) {
        self.table(table, faults);
        let Some(contract) = self.contracts.tables.get(table) else { return };
        match contract.column(column) {
            None => faults.push((format!("table `{table}` has no column `{column}`"), None)),
            Some(found) if !types.is_empty() && !types.contains(&found.column_type) => {
                let wanted: Vec<String> = types.iter().map(ColumnType::to_string).collect();
                let (is, wanted) = (found.column_type, wanted.join("` or `"));
                let what = format!("column `{table}.{column}` is `{is}`, not `{wanted}`");
                faults.push((what, None));
            }
            Some(_) => {}
        }
    }
}

/// Rule versions of cost allocation: each for itself, and no two from the same month.
pub(super) fn costing(
    found: &[Located<RuleVersion>],
    contracts: &Contracts,
    problems: &mut Vec<Problem>,
) {
    for (at, version) in found.iter().enumerate() {
        let faults = version.value.problems();
        problems.extend(faults.into_iter().map(|(what, hint)| version.problem(what, Some(hint))));
        let from = &version.value.valid_from;
        if let Some(other) = found[..at].iter().find(|other| other.value.valid_from == *from) {
            let what = format!("holds from `{from}`, as does `{}`", other.value.version);
            problems.push(version.problem(what, Some("a month has one version of the rules")));
        }
    }
    if found.is_empty() && contracts.tables.contains_key(super::COST_ALLOCATION) {
        problems.push(Problem {
            file: format!("schema/tables/{}.yaml", super::COST_ALLOCATION),
            line: 0,
            what: "no rules say how cost is allocated".to_owned(),
            hint: Some(format!("add `{}/<version>.yaml`", super::COSTING)),
        });
    }
}

fn check<T>(found: &[Located<T>], problems: &mut Vec<Problem>, rule: impl Fn(&T, &mut Vec<Fault>)) {
    for item in found {
        let mut faults = Vec::new();
        rule(&item.value, &mut faults);
        problems.extend(faults.into_iter().map(|(what, hint)| item.problem(what, hint)));
    }
}
