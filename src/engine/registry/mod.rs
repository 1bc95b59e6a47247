//! The project's `queries/` folder, understood as a whole.
//!
//! Owns the graph of SQL files that make tables, and the definitions of metrics, dimensions,
//! funnels, boards and alerts. Reading files is root's; running them is the pipeline's and the
//! readers'. A registry only exists when everything in it fits together.

mod check;
mod circle;
mod fields;
mod files;
mod metric_view;
mod node;
mod nodes;
mod order;
mod people;
mod places;
mod plan;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    COST_ALLOCATION, COST_RUN, COST_TABLES, IDENTITY_DECISION, IDENTITY_MERGE_LOG, MANUAL_TAG,
    Node, PERSON_LINK, PERSON_RECORD, Part, Reference, Stage,
};
pub use summary::{Summary, Summed};

use crate::readers::{Definitions, formula};
use files::{Located, Place};

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
    /// Rule versions of cost allocation, in file order.
    pub costing: Vec<RuleVersion>,
    /// Segments, in file order.
    pub segments: Vec<SegmentDefinition>,
    /// Independent check query of a metric, by metric id.
    pub checks: BTreeMap<String, String>,
    /// Where definitions stand: by kind and id.
    places: BTreeMap<(&'static str, String), Place>,
    /// Nightly summaries, by file.
    pub(crate) summaries: Vec<Summary>,
    /// The files everything here was read from.
    project: Arc<ProjectFiles>,
}

impl Registry {
    /// Reads and cross-checks `queries/`. Nothing is planned yet: see [`Registry::plan_all`].
    ///
    /// # Errors
    /// Every problem found, in file order.
    pub fn load(project: &ProjectFiles, contracts: &Contracts) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut registry = Self { project: Arc::new(project.clone()), ..Self::default() };
        registry.read_nodes(project, contracts, &mut problems);
        registry.read_costing(project, contracts, &mut problems);
        let found = registry.read_definitions(project, &mut problems);
        registry.read_checks(project, &mut problems);
        let checker = check::Checker { project, registry: &registry, contracts };
        checker.run(&found, &mut problems);
        if problems.is_empty() {
            registry.check_formulas(&mut problems);
        }
        if problems.is_empty() {
            registry.read_summaries(project, contracts, &mut problems);
        }
        if problems.is_empty() {
            return Ok(registry);
        }
        problems.sort();
        Err(problems)
    }

    /// Tags, segments, and the graph of files that make tables.
    fn read_nodes(
        &mut self,
        project: &ProjectFiles,
        contracts: &Contracts,
        problems: &mut Vec<Problem>,
    ) {
        let place = ("queries/tags", Some("tags"), "");
        let tags = files::definitions(project, place, |file: TagFile| file.tags, problems);
        let place = ("queries/segments", Some("segments"), "");
        let segments =
            files::definitions(project, place, |file: SegmentFile| file.segments, problems);
        let people = people::nodes(&tags, &segments, contracts, problems);
        self.nodes = nodes::load(project, contracts, people, problems);
        self.locate("tag", &tags, |rule| &rule.tag, problems);
        self.locate("segment", &segments, |segment| &segment.id, problems);
        self.segments = segments.into_iter().map(|segment| segment.value).collect();
    }

    fn read_costing(
        &mut self,
        project: &ProjectFiles,
        contracts: &Contracts,
        problems: &mut Vec<Problem>,
    ) {
        let one = |version: RuleVersion| vec![version];
        let costing = files::definitions(project, (COSTING, None, ""), one, problems);
        self.locate("rules", &costing, |it| &it.version, problems);
        check::costing(&costing, contracts, problems);
        self.costing = costing.into_iter().map(|version| version.value).collect();
    }

    /// Everything people ask by id.
    fn read_definitions(
        &mut self,
        project: &ProjectFiles,
        problems: &mut Vec<Problem>,
    ) -> check::Found {
        let text = project.files.get(DIMENSIONS);
        let (dimensions, fiscal_start) =
            text.map(|text| files::dimensions(DIMENSIONS, text, problems)).unwrap_or_default();
        let place = ("queries/metrics", Some("metrics"), DIMENSIONS);
        let metrics =
            files::definitions(project, place, |family: MetricFamily| family.metrics, problems);
        let one = |funnel: FunnelDefinition| vec![funnel];
        let funnels = files::definitions(project, ("queries/funnels", None, ""), one, problems);
        let one = |board: BoardDefinition| vec![board];
        let boards = files::definitions(project, ("queries/boards", None, ""), one, problems);
        let place = ("queries/alerts", Some("rules"), "");
        let alerts = files::definitions(project, place, |file: AlertRuleFile| file.rules, problems);
        self.locate("dimension", &dimensions, |d| &d.id, problems);
        self.locate("metric", &metrics, |m| &m.id, problems);
        self.locate("funnel", &funnels, |f| &f.id, problems);
        self.locate("board", &boards, |b| &b.id, problems);
        self.locate("alert", &alerts, |r| &r.id, problems);
        self.fiscal_start = fiscal_start;
        self.dimensions = dimensions.iter().map(|found| found.value.clone()).collect();
        self.metrics = by_id(&metrics, |metric| &metric.id);
        self.funnels = by_id(&funnels, |funnel| &funnel.id);
        self.boards = boards.iter().map(|board| board.value.clone()).collect();
        self.alerts = alerts.iter().map(|rule| rule.value.clone()).collect();
        check::Found { dimensions, metrics, funnels, boards, alerts }
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

    /// The files everything here was read from.
    #[must_use]
    pub fn project(&self) -> &Arc<ProjectFiles> {
        &self.project
    }

    /// Public metrics without an independent check query. They are sound definitions; whether
    /// their numbers are right is then nobody's test.
    #[must_use]
    pub fn unchecked(&self) -> Vec<Problem> {
        let public = self.metrics.values().filter(|metric| !metric.private);
        let unchecked = public.filter(|metric| !self.checks.contains_key(&metric.id));
        let problem = |metric: &MetricDefinition| {
            let hint = format!("add `queries/checks/{}.sql`: site, month, value", metric.id);
            let what = format!("metric `{}` has no check query", metric.id);
            self.place("metric", &metric.id).problem(&["id"], what, Some(hint))
        };
        unchecked.map(problem).collect()
    }

    /// Every metric the definition of metric `id` rests on, itself first.
    #[must_use]
    pub fn behind(&self, id: &str) -> Vec<String> {
        circle::behind(self, id)
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
            Err(faults) => {
                problems.extend(faults.into_iter().map(|fault| {
                    self.place("metric", &fault.id).problem(&["unit"], fault.what, None)
                }));
            }
        }
    }

    /// Where a definition stands.
    fn place(&self, kind: &'static str, id: &str) -> Place {
        self.places.get(&(kind, id.to_owned())).cloned().unwrap_or_default()
    }

    fn locate<T>(
        &mut self,
        kind: &'static str,
        found: &[Located<T>],
        id: impl Fn(&T) -> &String,
        problems: &mut Vec<Problem>,
    ) {
        for item in found {
            let id = id(&item.value);
            let key = (kind, id.clone());
            if let Some(first) = self.places.get(&key) {
                let first = format!("{}:{}", first.file, first.line());
                let what = format!("{kind} `{id}` is defined twice, first in {first}");
                let hint = Some("ids are unique in the whole project".to_owned());
                problems.push(item.place.problem(&["id"], what, hint));
            } else {
                self.places.insert(key, item.place.clone());
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
                    line: 1,
                    what: format!("no metric `{metric}`"),
                    hint: Some("a check is named after the metric it checks".to_owned()),
                }),
                Err(problem) => problems.push(problem),
            }
        }
    }
}

fn by_id<T: Clone>(found: &[Located<T>], id: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    found.iter().map(|item| (id(&item.value).clone(), item.value.clone())).collect()
}
