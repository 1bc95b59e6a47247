//! The project's `queries/` folder, understood as a whole.
//!
//! Owns the graph of SQL files that make tables, and the definitions of metrics, dimensions,
//! funnels, boards and alerts. Reading files is root's; running them is the pipeline's and the
//! readers'. A registry only exists when everything in it fits together.

mod check;
mod files;
mod metric_view;
mod node;
mod nodes;
mod order;
mod people;
mod plan;

use std::collections::{BTreeMap, BTreeSet};

use hub_domain::alert::{AlertRule, AlertRuleFile};
use hub_domain::analysis::costing::RuleVersion;
use hub_domain::board::BoardDefinition;
use hub_domain::calendar::FiscalStart;
use hub_domain::funnel::FunnelDefinition;
use hub_domain::metric::{Dimension, MetricDefinition, MetricFamily};
use hub_domain::project::{Problem, ProjectFiles};
use hub_domain::segment::{SegmentDefinition, SegmentFile, TagFile};
use hub_lake::Contracts;

pub(crate) use metric_view::metric_view;
pub use node::{
    COST_ALLOCATION, COST_RUN, COST_TABLES, IDENTITY_DECISION, IDENTITY_MERGE_LOG, Node,
    PERSON_LINK, PERSON_RECORD, Part, Reference, Stage,
};

use crate::readers::{Definitions, formula};
use files::Located;

const DIMENSIONS: &str = "queries/metrics/dimensions.yaml";
/// Folder of rule versions of cost allocation.
const COSTING: &str = "queries/costing";

/// Everything under `queries/`.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Makers of tables, in the order they run.
    pub nodes: Vec<Node>,
    /// Metrics by id, private ones included.
    pub metrics: BTreeMap<String, MetricDefinition>,
    /// Shared dimensions, in file order.
    pub dimensions: Vec<Dimension>,
    /// Day of the month on which the months of the books start.
    pub fiscal_start: FiscalStart,
    /// Funnels by id.
    pub funnels: BTreeMap<String, FunnelDefinition>,
    /// Boards, in file order.
    pub boards: Vec<BoardDefinition>,
    /// Alert rules, in file order.
    pub alerts: Vec<AlertRule>,
    /// Segments, in file order.
    pub segments: Vec<SegmentDefinition>,
    /// Rule versions of cost allocation, in file order.
    pub costing: Vec<RuleVersion>,
    /// Independent check query of a metric, by metric id.
    pub checks: BTreeMap<String, String>,
    /// Where definitions stand: `metric:<id>`, `board:<id>`, … → file and line.
    places: BTreeMap<String, (String, u64)>,
}

impl Registry {
    /// Reads and cross-checks `queries/`. Nothing is planned yet: see [`Registry::plan_all`].
    ///
    /// # Errors
    /// Every problem found, in file order.
    pub fn load(project: &ProjectFiles, contracts: &Contracts) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let tags = files::definitions(
            project,
            "queries/tags",
            "",
            |file: TagFile| with_ids(file.tags, |rule| &rule.tag),
            &mut problems,
        );
        let segments = files::definitions(
            project,
            "queries/segments",
            "",
            |file: SegmentFile| with_ids(file.segments, |segment| &segment.id),
            &mut problems,
        );
        let people = people::nodes(&tags, &segments, contracts, &mut problems);
        let mut registry = Self {
            nodes: nodes::load(project, contracts, people, &mut problems),
            ..Self::default()
        };
        registry.place("tag", &tags, |rule| &rule.tag, &mut problems);
        registry.place("segment", &segments, |segment| &segment.id, &mut problems);
        registry.segments = segments.iter().map(|segment| segment.value.clone()).collect();
        if let Some(text) = project.files.get(DIMENSIONS) {
            match files::dimensions(DIMENSIONS, text) {
                Ok(file) => {
                    registry.dimensions = file.dimensions;
                    registry.fiscal_start = file.fiscal_month_starts;
                }
                Err(problem) => problems.push(problem),
            }
        }
        let metrics = files::definitions(
            project,
            "queries/metrics",
            DIMENSIONS,
            |family: MetricFamily| with_ids(family.metrics, |metric| &metric.id),
            &mut problems,
        );
        let funnels = files::definitions(
            project,
            "queries/funnels",
            "",
            |funnel: FunnelDefinition| with_ids(vec![funnel], |funnel| &funnel.id),
            &mut problems,
        );
        let boards = files::definitions(
            project,
            "queries/boards",
            "",
            |board: BoardDefinition| with_ids(vec![board], |board| &board.id),
            &mut problems,
        );
        let alerts = files::definitions(
            project,
            "queries/alerts",
            "",
            |file: AlertRuleFile| with_ids(file.rules, |rule| &rule.id),
            &mut problems,
        );
        let costing = files::definitions(
            project,
            COSTING,
            "",
            |version: RuleVersion| with_ids(vec![version], |version| &version.version),
            &mut problems,
        );
        registry.place("rules", &costing, |it| &it.version, &mut problems);
        check::costing(&costing, contracts, &mut problems);
        registry.costing = costing.iter().map(|version| version.value.clone()).collect();
        registry.place("metric", &metrics, |m| &m.id, &mut problems);
        registry.place("funnel", &funnels, |f| &f.id, &mut problems);
        registry.place("board", &boards, |b| &b.id, &mut problems);
        registry.place("alert", &alerts, |r| &r.id, &mut problems);
        registry.metrics = by_id(&metrics, |metric| &metric.id);
        registry.funnels = by_id(&funnels, |funnel| &funnel.id);
        registry.boards = boards.iter().map(|board| board.value.clone()).collect();
        registry.alerts = alerts.iter().map(|rule| rule.value.clone()).collect();
        registry.read_checks(project, &mut problems);
        check::Checker { project, registry: &registry, contracts }.run(
            &check::Found {
                metrics: &metrics,
                funnels: &funnels,
                boards: &boards,
                alerts: &alerts,
            },
            &mut problems,
        );
        if problems.is_empty() {
            registry.check_formulas(&mut problems);
        }
        if problems.is_empty() {
            return Ok(registry);
        }
        problems.sort();
        Err(problems)
    }

    /// The metric `id`, private or not.
    #[must_use]
    pub fn metric(&self, id: &str) -> Option<&MetricDefinition> {
        self.metrics.get(id)
    }

    /// The dimension `id`.
    #[must_use]
    pub fn dimension(&self, id: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|dimension| dimension.id == id)
    }

    /// Dimensions metric `id` may be split by, in the order of the dimensions file: its own, or
    /// those all its inputs share.
    #[must_use]
    pub fn metric_dimensions(&self, id: &str) -> Vec<Dimension> {
        let find = |id: &str| self.metric(id);
        formula::dimensions(id, &find, &self.dimensions).into_iter().cloned().collect()
    }

    /// Metrics that aggregate rows for metric `id`, itself when it is one; without repeats.
    #[must_use]
    pub fn inputs(&self, id: &str) -> Vec<String> {
        formula::leaves(id, &|id: &str| self.metric(id))
    }

    /// Tables metric `id` reads, those its dimensions are looked up in included.
    #[must_use]
    pub fn metric_tables(&self, id: &str) -> BTreeSet<String> {
        let inputs = self.inputs(id);
        let read = inputs.iter().filter_map(|id| self.metric(id));
        let mut tables: BTreeSet<String> = read
            .flat_map(|metric| metric.formula.sources().into_iter().map(str::to_owned))
            .collect();
        let dimensions = self.metric_dimensions(id).into_iter();
        tables.extend(dimensions.filter_map(|dimension| Some(dimension.rollup?.table)));
        tables
    }

    /// What the readers find wrong with formulas and units that are otherwise well formed; when
    /// nothing is, metrics learn along what they add up.
    fn check_formulas(&mut self, problems: &mut Vec<Problem>) {
        match Definitions::new(self) {
            Ok(definitions) => {
                for metric in definitions.catalogue.all() {
                    if let Some(own) = self.metrics.get_mut(&metric.definition.id) {
                        own.additivity = definitions.catalogue.additivity(metric);
                    }
                }
            }
            Err(faults) => problems.extend(faults.into_iter().map(|fault| {
                let (file, line) = self.place_of("metric", &fault.id);
                Problem { file, line, what: fault.what, hint: None }
            })),
        }
    }

    /// File and line of a definition.
    fn place_of(&self, kind: &str, id: &str) -> (String, u64) {
        self.places.get(&format!("{kind}:{id}")).cloned().unwrap_or_default()
    }

    fn place<T>(
        &mut self,
        kind: &str,
        found: &[Located<T>],
        id: impl Fn(&T) -> &String,
        problems: &mut Vec<Problem>,
    ) {
        for item in found {
            let id = id(&item.value);
            let key = format!("{kind}:{id}");
            if let Some((file, line)) = self.places.get(&key) {
                let what = format!("{kind} `{id}` is defined twice, first in {file}:{line}");
                problems.push(item.problem(what, Some("ids are unique in the whole project")));
            } else {
                self.places.insert(key, (item.file.clone(), item.line));
            }
        }
    }

    fn read_checks(&mut self, project: &ProjectFiles, problems: &mut Vec<Problem>) {
        for (path, text) in project.under("queries/checks", "sql") {
            let metric = nodes::stem(path);
            match node::parse_select(path, text) {
                Ok((sql, _)) if self.metrics.contains_key(metric) => {
                    if let Some(metric) = self.metrics.get_mut(metric) {
                        metric.check = Some(sql.clone());
                    }
                    self.checks.insert(metric.to_owned(), sql);
                }
                Ok(_) => problems.push(Problem {
                    file: path.to_owned(),
                    line: 0,
                    what: format!("no metric `{metric}`"),
                    hint: Some("a check is named after the metric it checks".to_owned()),
                }),
                Err(problem) => problems.push(problem),
            }
        }
    }
}

fn with_ids<T>(items: Vec<T>, id: impl Fn(&T) -> &String) -> Vec<(String, T)> {
    items.into_iter().map(|item| (id(&item).clone(), item)).collect()
}

fn by_id<T: Clone>(found: &[Located<T>], id: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    found.iter().map(|item| (id(&item.value).clone(), item.value.clone())).collect()
}
