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
use hub_domain::metric::{Dimension, MetricDefinition};
use hub_domain::project::{Problem, ProjectFiles};
use hub_lake::Contracts;

use super::Registry;
use super::files::Located;

/// Definitions with their places.
pub(super) struct Found {
    pub(super) dimensions: Vec<Located<Dimension>>,
    pub(super) metrics: Vec<Located<MetricDefinition>>,
    pub(super) funnels: Vec<Located<FunnelDefinition>>,
    pub(super) boards: Vec<Located<BoardDefinition>>,
    pub(super) alerts: Vec<Located<AlertRule>>,
}

/// Checks against a registry whose definitions have all been read.
pub(super) struct Checker<'a> {
    pub(super) project: &'a ProjectFiles,
    pub(super) registry: &'a Registry,
    pub(super) contracts: &'a Contracts,
}

/// What is wrong with one definition: the way to the part that is, what, and what to do.
#[derive(Default)]
struct Faults(Vec<(Vec<String>, String, Option<String>)>);

impl Faults {
    fn add(&mut self, path: &[&str], what: impl Into<String>, hint: impl Into<Option<String>>) {
        let path = path.iter().map(|step| (*step).to_owned()).collect();
        self.0.push((path, what.into(), hint.into()));
    }
}

fn hint(text: &str) -> Option<String> {
    Some(text.to_owned())
}

impl Checker<'_> {
    pub(super) fn run(&self, found: &Found, problems: &mut Vec<Problem>) {
        check(&found.dimensions, problems, |dimension, faults| self.dimension(dimension, faults));
        check(&found.metrics, problems, |metric, faults| self.metric(metric, faults));
        self.funnels(&found.funnels, problems);
        check(&found.boards, problems, |board, faults| self.board(board, faults));
        check(&found.alerts, problems, |rule, faults| self.alert(rule, faults));
    }

    fn dimension(&self, dimension: &Dimension, faults: &mut Faults) {
        if let Some(table) = &dimension.label_table {
            let columns =
                [("label_key", &dimension.label_key), ("label_column", &dimension.label_column)];
            let table = (&["label_table"][..], table.as_str());
            for (key, column) in columns {
                match column {
                    Some(column) => self.column(table, (&[key], column), &[], faults),
                    None => faults.add(
                        &["label_table"],
                        format!("dimension `{}` has a label table and no `{key}`", dimension.id),
                        hint("add `label_key` and `label_column`"),
                    ),
                }
            }
        }
        let Some(rollup) = &dimension.rollup else { return };
        if self.registry.dimension(&rollup.of).is_none_or(|of| of.rollup.is_some()) {
            let what = format!("dimension `{}` cannot follow from it", dimension.id);
            let hint = hint("`of` is a dimension without a roll-up");
            faults.add(&["rollup", "of"], what, hint);
        }
        let table = (&["rollup", "table"][..], rollup.table.as_str());
        let since = (&["rollup", "valid_from"][..], rollup.valid_from.as_str());
        self.column(table, since, &[ColumnType::Date], faults);
        self.column(table, (&["rollup", "key"], &rollup.key), &[], faults);
        self.column(table, (&["rollup", "column"], &rollup.column), &[], faults);
    }

    fn board(&self, board: &BoardDefinition, faults: &mut Faults) {
        for (index, TileDefinition { metric, filter, .. }) in board.tiles.iter().enumerate() {
            let at = ["tiles", &index.to_string()].map(str::to_owned);
            self.uses(&at, "metric", metric, ("filter", filter.keys()), faults);
        }
        for (index, ChartDefinition { metrics, group_by, .. }) in board.charts.iter().enumerate() {
            let at = ["charts", &index.to_string()].map(str::to_owned);
            for metric in metrics {
                self.uses(&at, "metrics", metric, ("group_by", group_by.iter()), faults);
            }
        }
        if let Some(LaneSource { source, day, dimensions, .. }) = &board.lanes {
            let table = (&["lanes", "source"][..], source.as_str());
            self.column(table, (&["lanes", "day"], day), &[ColumnType::Date], faults);
            self.known_dimensions(&["lanes"], dimensions, faults);
            for card in ["card_id", "masked_name", "subtitle", "planned_at", "site_id", "person_id"]
            {
                self.column(table, (&["lanes", "source"], card), &[], faults);
            }
        }
    }

    fn alert(&self, rule: &AlertRule, faults: &mut Faults) {
        let at = ["condition".to_owned()];
        match &rule.condition {
            Condition::Metric { metric, subject, filter, min_volume, .. } => {
                // Practitioners have dimensions of their own, whatever the metric has.
                let of_staff = |dimension: &&String| {
                    matches!(subject.as_str(), "doctor" | "consultant")
                        && matches!(dimension.as_str(), "site" | "brand" | "business_line")
                };
                let of_metric = filter.keys().filter(|dimension| !of_staff(dimension));
                self.uses(&at, "metric", metric, ("filter", of_metric), faults);
                self.uses(&at, "metric", metric, ("subject", [subject].into_iter()), faults);
                for volume in min_volume.keys() {
                    let by = ("subject", [subject].into_iter());
                    self.uses(&at, "min_volume", volume, by, faults);
                }
            }
            Condition::DataLate { source, time, subject, .. } => {
                let table = (&["condition", "source"][..], source.as_str());
                let days = [ColumnType::Date, ColumnType::Timestamp];
                self.column(table, (&["condition", "time"], time), &days, faults);
                self.column(table, (&["condition", "subject"], subject), &[], faults);
            }
        }
    }

    /// A metric used with dimensions: both must exist and fit. `at` leads to where it is used,
    /// `key` to the metric in there.
    fn uses<'d>(
        &self,
        at: &[String],
        key: &str,
        metric: &str,
        (by, dimensions): (&str, impl Iterator<Item = &'d String>),
        faults: &mut Faults,
    ) {
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        if self.registry.metric(metric).is_none() {
            let hint = near(metric, self.registry.metrics.keys().map(String::as_str));
            let path = [&at[..], &[key, metric]].concat();
            return faults.add(&path, format!("unknown metric `{metric}`"), hint);
        }
        let allowed = self.registry.metric_dimensions(metric);
        for dimension in dimensions {
            if !allowed.iter().any(|known| known.id == *dimension) {
                let names: Vec<&str> = allowed.iter().map(|known| known.id.as_str()).collect();
                let hint = format!("valid dimensions of `{metric}`: {}", names.join(", "));
                let what = format!("metric `{metric}` has no dimension `{dimension}`");
                faults.add(&[&at[..], &[by, dimension]].concat(), what, hint);
            }
        }
    }

    /// Dimensions under key `dimensions` of the part `at` leads to must be declared.
    fn known_dimensions(&self, at: &[&str], used: &BTreeMap<String, String>, faults: &mut Faults) {
        for id in used.keys().filter(|id| self.registry.dimension(id).is_none()) {
            let path = [at, &["dimensions", id]].concat();
            let hint = hint("declare it in `queries/metrics/dimensions.yaml`");
            faults.add(&path, format!("unknown dimension `{id}`"), hint);
        }
    }

    /// A table must exist; `at` leads to where it is named.
    fn table(&self, at: &[&str], table: &str, faults: &mut Faults) {
        if !self.contracts.tables.contains_key(table) {
            let hint = near(table, self.contracts.tables.keys().map(String::as_str));
            faults.add(at, format!("unknown table `{table}`"), hint);
        }
    }

    /// A column must exist and, where `types` says so, be of one of these types. Table and column
    /// come with the way to where they are named.
    fn column(
        &self,
        (table_at, table): (&[&str], &str),
        (column_at, column): (&[&str], &str),
        types: &[ColumnType],
        faults: &mut Faults,
    ) {
        self.table(table_at, table, faults);
        let Some(contract) = self.contracts.tables.get(table) else { return };
        match contract.column(column) {
            None => {
                let columns = contract.columns.iter().map(|column| column.name.as_str());
                let what = format!("table `{table}` has no column `{column}`");
                faults.add(column_at, what, near(column, columns));
            }
            Some(found) if !types.is_empty() && !types.contains(&found.column_type) => {
                let wanted: Vec<String> = types.iter().map(ColumnType::to_string).collect();
                let (is, wanted) = (found.column_type, wanted.join("` or `"));
                let what = format!("column `{table}.{column}` is `{is}`, not `{wanted}`");
                faults.add(column_at, what, format!("name a `{wanted}` column"));
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
        problems.extend(
            faults.into_iter().map(|(what, advice)| version.place.problem(&[], what, hint(advice))),
        );
        cost_classes(version, contracts, problems);
        let from = &version.value.valid_from;
        if let Some(other) = found[..at].iter().find(|other| other.value.valid_from == *from) {
            let what = format!("holds from `{from}`, as does `{}`", other.value.version);
            let hint = hint("a month has one version of the rules");
            problems.push(version.place.problem(&["valid_from"], what, hint));
        }
    }
    if found.is_empty() && contracts.tables.contains_key(super::COST_ALLOCATION) {
        problems.push(Problem {
            file: format!("schema/tables/{}.yaml", super::COST_ALLOCATION),
            line: 1,
            what: "no rules say how cost is allocated".to_owned(),
            hint: Some(format!("add `{}/<version>.yaml`", super::COSTING)),
        });
    }
}

/// A class of cost nobody books would leave the cost it means to the next rule.
fn cost_classes(
    version: &Located<RuleVersion>,
    contracts: &Contracts,
    problems: &mut Vec<Problem>,
) {
    let table = contracts.tables.get(super::COST_TABLES[1]);
    let column = table.and_then(|table| table.columns.iter().find(|it| it.name == "cost_class"));
    let Some(known) = column.and_then(|column| column.values.as_ref()) else { return };
    for class in version.value.cost_classes().filter(|class| !known.contains(class)) {
        let what = format!("`{class}` is no class of cost");
        let advice = near(class, known.iter().map(String::as_str));
        problems.push(version.place.problem(&["levels"], what, advice));
    }
}

/// A hint that names what may have been meant: every name, those that look alike first.
pub(super) fn near<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut names: Vec<(usize, &str)> = known
        .map(|name| (datafusion::common::utils::datafusion_strsim::levenshtein(wanted, name), name))
        .collect();
    names.sort_unstable();
    let alike: Vec<&str> = names.iter().take(5).map(|(_, name)| *name).collect();
    (!alike.is_empty()).then(|| format!("nearest names: {}", alike.join(", ")))
}

fn check<T>(found: &[Located<T>], problems: &mut Vec<Problem>, rule: impl Fn(&T, &mut Faults)) {
    for item in found {
        let mut faults = Faults::default();
        rule(&item.value, &mut faults);
        problems.extend(faults.0.into_iter().map(|(path, what, hint)| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            item.place.problem(&path, what, hint)
        }));
    }
}
