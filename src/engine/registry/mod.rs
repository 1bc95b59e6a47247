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
pub mod terms;

use std::collections::BTreeMap;

use hub_domain::alert::{AlertRule, AlertRuleFile};
use hub_domain::board::BoardDefinition;
use hub_domain::funnel::FunnelDefinition;
use hub_domain::metric::{Dimension, Formula, MetricDefinition, MetricFamily};
use hub_domain::project::{Problem, ProjectFiles};
use hub_domain::segment::{SegmentDefinition, SegmentFile, TagFile};
use hub_lake::Contracts;

pub(crate) use metric_view::metric_view;
pub use node::{
    IDENTITY_DECISION, IDENTITY_MERGE_LOG, Node, PERSON_LINK, PERSON_RECORD, Part, Reference, Stage,
};
pub use terms::Term;

use crate::readers::Definitions;
use files::Located;

const DIMENSIONS: &str = "queries/metrics/dimensions.yaml";

/// Everything under `queries/`.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Makers of tables, in the order they run.
    pub nodes: Vec<Node>,
    /// Metrics by id, private ones included.
    pub metrics: BTreeMap<String, MetricDefinition>,
    /// Shared dimensions, in file order.
    pub dimensions: Vec<Dimension>,
    /// Funnels by id.
    pub funnels: BTreeMap<String, FunnelDefinition>,
    /// Boards, in file order.
    pub boards: Vec<BoardDefinition>,
    /// Alert rules, in file order.
    pub alerts: Vec<AlertRule>,
    /// Segments, in file order.
    pub segments: Vec<SegmentDefinition>,
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
                Ok(dimensions) => registry.dimensions = dimensions,
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
        registry.place("metric", &metrics, |m| &m.id, &mut problems);
        registry.place("funnel", &funnels, |f| &f.id, &mut problems);
        registry.place("board", &boards, |b| &b.id, &mut problems);
        registry.place("alert", &alerts, |r| &r.id, &mut problems);
        registry.metrics = by_id(&metrics, |metric| &metric.id);
        registry.funnels = by_id(&funnels, |funnel| &funnel.id);
        registry.boards = boards.iter().map(|board| board.value.clone()).collect();
        registry.alerts = alerts.iter().map(|rule| rule.value.clone()).collect();
        registry.read_checks(project, &mut problems);
        check::Checker { registry: &registry, contracts }.run(
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
        let inputs = self.inputs(id);
        let has = |metric: &str, dimension: &str| match self.metric(metric).map(|m| &m.formula) {
            Some(Formula::Simple { dimensions, .. }) => dimensions.contains_key(dimension),
            _ => false,
        };
        let shared = |dimension: &&Dimension| {
            !inputs.is_empty() && inputs.iter().all(|input| has(input, &dimension.id))
        };
        self.dimensions.iter().filter(shared).cloned().collect()
    }

    /// Simple metrics behind metric `id`, itself when it is one; without repeats.
    #[must_use]
    pub fn inputs(&self, id: &str) -> Vec<String> {
        let mut inputs = Vec::new();
        self.collect_inputs(id, &mut Vec::new(), &mut inputs);
        inputs
    }

    fn collect_inputs<'a>(&'a self, id: &str, above: &mut Vec<&'a str>, inputs: &mut Vec<String>) {
        let sums: Vec<&str> = match self.metric(id).map(|metric| &metric.formula) {
            Some(Formula::Ratio { numerator, denominator, .. }) => vec![numerator, denominator],
            Some(Formula::Derived { expression }) => vec![expression],
            // An unknown input is listed as well, so that the metric has no dimension.
            Some(Formula::Simple { .. }) | None => {
                if !inputs.iter().any(|known| known == id) {
                    inputs.push(id.to_owned());
                }
                return;
            }
        };
        for sum in sums {
            match self.quotient_of(sum) {
                // A ratio of ratios; one that leads back to itself is refused by the checks.
                Some(inner) if !above.contains(&inner.id.as_str()) => {
                    above.push(&inner.id);
                    self.collect_inputs(&inner.id, above, inputs);
                    above.pop();
                }
                Some(_) => {}
                None => {
                    for term in terms::parse(sum).unwrap_or_default() {
                        if !inputs.contains(&term.metric) {
                            inputs.push(term.metric);
                        }
                    }
                }
            }
        }
    }

    /// The ratio a side of another ratio consists of, when it is one and not a sum.
    pub(crate) fn quotient_of(&self, side: &str) -> Option<&MetricDefinition> {
        let metric = self.metric(side.trim())?;
        matches!(metric.formula, Formula::Ratio { .. }).then_some(metric)
    }

    /// Parses a sum of metric ids.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn terms(sum: &str) -> Result<Vec<Term>, String> {
        terms::parse(sum)
    }

    /// What the readers find wrong with formulas and units that are otherwise well formed.
    fn check_formulas(&self, problems: &mut Vec<Problem>) {
        for fault in Definitions::new(self).err().into_iter().flatten() {
            let (file, line) = self.place_of("metric", &fault.id);
            problems.push(Problem { file, line, what: fault.what, hint: None });
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
