//! All metrics and dimensions, checked against each other.
//!
//! Owns which metric exists, what it is computed from and by what it may be grouped, and the
//! sentences that tell a caller what is valid. Must not know tables beyond their names.

use std::collections::BTreeMap;

use hub_domain::Error;
use hub_domain::metric::{Aggregate, Dimension, Formula, MetricDefinition, Unit};

use super::formula::{Part, Resolved, resolve};
use crate::registry::Term;

/// One metric with its formula resolved.
#[derive(Debug, Clone)]
pub struct Metric {
    /// As written.
    pub definition: MetricDefinition,
    /// With every name checked.
    pub resolved: Resolved,
    /// Dimension ids every input allows, in the order of `dimensions.yaml`.
    pub dimensions: Vec<String>,
}

/// A simple formula's fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simple<'a> {
    pub(crate) source: &'a str,
    pub(crate) aggregate: Aggregate,
    pub(crate) expression: Option<&'a str>,
    pub(crate) filter: Option<&'a str>,
    pub(crate) time: &'a str,
    pub(crate) dimensions: &'a BTreeMap<String, String>,
}

impl Metric {
    /// The fields of a simple formula; none for ratios and sums.
    pub(crate) fn simple(&self) -> Option<Simple<'_>> {
        match &self.definition.formula {
            Formula::Simple { source, aggregate, expression, filter, time, dimensions } => {
                Some(Simple {
                    source,
                    aggregate: *aggregate,
                    expression: expression.as_deref(),
                    filter: filter.as_deref(),
                    time,
                    dimensions,
                })
            }
            _ => None,
        }
    }
}

/// One thing wrong with the definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueProblem {
    /// Metric or dimension id it is about.
    pub id: String,
    /// What is wrong.
    pub what: String,
}

/// All metrics by id, all dimensions in order.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    metrics: BTreeMap<String, Metric>,
    dimensions: Vec<Dimension>,
}

impl Catalogue {
    /// Checks definitions against each other.
    ///
    /// # Errors
    /// Formulas that do not resolve, and units that do not follow from the units of the inputs.
    pub fn new(
        definitions: &BTreeMap<String, MetricDefinition>,
        dimensions: Vec<Dimension>,
    ) -> Result<Self, Vec<CatalogueProblem>> {
        let mut problems = Vec::new();
        let mut metrics = BTreeMap::new();
        for (id, definition) in definitions {
            match resolve(definition, &|name| definitions.get(name)) {
                Ok(resolved) => {
                    let metric =
                        Metric { definition: definition.clone(), resolved, dimensions: Vec::new() };
                    metrics.insert(id.clone(), metric);
                }
                Err(what) => problems.push(CatalogueProblem { id: id.clone(), what }),
            }
        }
        let mut catalogue = Self { metrics, dimensions };
        problems.extend(catalogue.check());
        if !problems.is_empty() {
            return Err(problems);
        }
        catalogue.fill_dimensions();
        Ok(catalogue)
    }

    fn check(&self) -> Vec<CatalogueProblem> {
        let faults = self.metrics.iter().filter_map(|(id, metric)| {
            self.unit_fault(metric).map(|what| CatalogueProblem { id: id.clone(), what })
        });
        faults.collect()
    }

    /// Whether values of disjoint rows may be added.
    pub(crate) fn is_additive(&self, metric: &Metric) -> bool {
        match &metric.resolved {
            Resolved::Simple => {
                metric.simple().is_some_and(|it| it.aggregate != Aggregate::CountDistinct)
            }
            Resolved::Sum(terms) => terms.iter().all(|term| {
                self.metrics.get(&term.metric).is_some_and(|input| self.is_additive(input))
            }),
            Resolved::Ratio { .. } => false,
        }
    }

    fn unit_fault(&self, metric: &Metric) -> Option<String> {
        let own = metric.definition.unit;
        match &metric.resolved {
            Resolved::Simple => matches!(own, Unit::Ratio | Unit::Permille | Unit::Score)
                .then(|| "a simple metric has unit `count` or `fen`".to_owned()),
            Resolved::Sum(terms) => match self.unit_of_terms(terms) {
                Some(unit) if unit == own => None,
                _ => Some("unit differs from the units of the inputs".to_owned()),
            },
            Resolved::Ratio { numerator, denominator, .. } => {
                let (Some(above), Some(below)) =
                    (self.unit_of_part(numerator), self.unit_of_part(denominator))
                else {
                    return Some("inputs of different units cannot be added".to_owned());
                };
                let fits = match own {
                    Unit::Fen => above == Unit::Fen && below == Unit::Count,
                    Unit::Count => above == Unit::Count && below == Unit::Count,
                    Unit::Ratio | Unit::Permille | Unit::Score => above == below,
                };
                (!fits).then(|| "unit does not follow from the units of the inputs".to_owned())
            }
        }
    }

    fn unit_of_part(&self, part: &Part) -> Option<Unit> {
        match part {
            Part::Sum(terms) => self.unit_of_terms(terms),
            Part::Quotient(id) => Some(self.metrics.get(id)?.definition.unit),
        }
    }

    fn unit_of_terms(&self, terms: &[Term]) -> Option<Unit> {
        let mut units = terms
            .iter()
            .map(|term| self.metrics.get(&term.metric).map(|input| input.definition.unit));
        let first = units.next()??;
        units.all(|unit| unit == Some(first)).then_some(first)
    }

    fn fill_dimensions(&mut self) {
        let allowed: BTreeMap<String, Vec<String>> = self
            .metrics
            .iter()
            .map(|(id, metric)| {
                let inputs = self.inputs(metric);
                let dimensions = self.dimensions.iter().filter(|dimension| {
                    inputs.iter().all(|input| {
                        input.simple().is_some_and(|it| it.dimensions.contains_key(&dimension.id))
                    })
                });
                (id.clone(), dimensions.map(|dimension| dimension.id.clone()).collect())
            })
            .collect();
        for (id, dimensions) in allowed {
            if let Some(metric) = self.metrics.get_mut(&id) {
                metric.dimensions = dimensions;
            }
        }
    }

    /// The simple metrics `metric` is computed from, itself when it is simple.
    pub(crate) fn inputs<'a>(&'a self, metric: &'a Metric) -> Vec<&'a Metric> {
        let terms = |terms: &'a [Term]| terms.iter().filter_map(|t| self.metrics.get(&t.metric));
        match &metric.resolved {
            Resolved::Simple => vec![metric],
            Resolved::Sum(sum) => terms(sum).collect(),
            Resolved::Ratio { numerator, denominator, .. } => [numerator, denominator]
                .into_iter()
                .flat_map(|part| match part {
                    Part::Sum(sum) => terms(sum).collect(),
                    Part::Quotient(id) => {
                        self.metrics.get(id).map(|inner| self.inputs(inner)).unwrap_or_default()
                    }
                })
                .collect(),
        }
    }

    /// Metric `id`, private or not.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Metric> {
        self.metrics.get(id)
    }

    /// Metric `id`, private or not.
    ///
    /// # Errors
    /// `BadInput` naming near or all valid ids.
    pub fn metric(&self, id: &str) -> Result<&Metric, Error> {
        self.metrics.get(id).ok_or_else(|| {
            let names: Vec<&str> = self.public().map(|metric| metric.id.as_str()).collect();
            Error::bad_input_hint(
                format!("unknown metric `{id}`"),
                format!("valid metrics: {}", names.join(", ")),
            )
        })
    }

    /// Dimension `id`.
    ///
    /// # Errors
    /// `BadInput` naming all dimensions.
    pub fn dimension(&self, id: &str) -> Result<&Dimension, Error> {
        self.dimensions.iter().find(|dimension| dimension.id == id).ok_or_else(|| {
            let names: Vec<&str> = self.dimensions.iter().map(|d| d.id.as_str()).collect();
            Error::bad_input_hint(
                format!("unknown dimension `{id}`"),
                format!("valid dimensions: {}", names.join(", ")),
            )
        })
    }

    /// All dimensions, in file order.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Every metric, private ones too, by id.
    pub fn all(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.values()
    }

    /// Definitions that are not private, by id.
    pub fn public(&self) -> impl Iterator<Item = &MetricDefinition> {
        self.metrics.values().map(|metric| &metric.definition).filter(|it| !it.private)
    }
}
