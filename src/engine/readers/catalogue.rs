//! All metrics and dimensions, checked against each other.
//!
//! Owns which metric exists, what it is computed from and by what it may be grouped, and the
//! sentences that tell a caller what is valid. Must not know tables beyond their names.

use std::collections::BTreeMap;

use hub_domain::Error;
use hub_domain::calendar::{FiscalStart, Grain};
use hub_domain::metric::{
    Additivity, Aggregate, Dimension, Expression, Formula, MetricDefinition, Unit, Units,
};

use super::formula::{self, Atom, Resolved, resolve};

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
    fiscal_start: FiscalStart,
}

impl Catalogue {
    /// Checks definitions against each other.
    ///
    /// # Errors
    /// Formulas that do not resolve, and units that do not follow from the units of the inputs.
    pub fn new(
        definitions: &BTreeMap<String, MetricDefinition>,
        dimensions: Vec<Dimension>,
        fiscal_start: FiscalStart,
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
        let mut catalogue = Self { metrics, dimensions, fiscal_start };
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

    /// Along what values may be added.
    pub(crate) fn additivity(&self, metric: &Metric) -> Additivity {
        let resolved = &metric.resolved;
        if resolved.denominator.is_some() || !resolved.numerator.is_sum() {
            return Additivity::None;
        }
        let inputs = resolved.atoms().into_iter().map(|atom| self.input_additivity(atom));
        inputs.min().unwrap_or(Additivity::None)
    }

    /// Along what aggregates of an input may be added.
    pub(crate) fn input_additivity(&self, atom: &Atom) -> Additivity {
        let formula = self.metrics.get(&atom.metric).map(|metric| &metric.definition.formula);
        let whole = match formula {
            Some(Formula::Conversion(_) | Formula::Cohort(_)) => return Additivity::Full,
            Some(Formula::Simple(_)) => Additivity::Full,
            _ => Additivity::OverDimensions,
        };
        match formula::aggregate(atom, &self.find_definition()) {
            Some(aggregate) if aggregate.adds_up() => whole,
            _ => Additivity::None,
        }
    }

    /// Whether an input is 0 where no row was; otherwise it is nothing.
    pub(crate) fn is_zero_without_rows(&self, atom: &Atom) -> bool {
        formula::is_zero_without_rows(atom, &self.find_definition())
    }

    /// Whether an input counts things, so that 0 says that there was none.
    pub(crate) fn counts(&self, atom: &Atom) -> bool {
        let aggregate = formula::aggregate(atom, &self.find_definition());
        matches!(aggregate, Some(Aggregate::Count | Aggregate::CountDistinct))
    }

    /// Whether an input counts distinct values.
    pub(crate) fn counts_distinct(&self, atom: &Atom) -> bool {
        formula::aggregate(atom, &self.find_definition()) == Some(Aggregate::CountDistinct)
    }

    fn find_definition<'s>(&'s self) -> impl Fn(&str) -> Option<&'s MetricDefinition> {
        |id: &str| self.metrics.get(id).map(|metric| &metric.definition)
    }

    fn unit_fault(&self, metric: &Metric) -> Option<String> {
        let own = metric.definition.unit;
        let quotient = matches!(own, Unit::Ratio | Unit::Permille | Unit::Score);
        let fault = |wrong: bool, what: &str| wrong.then(|| what.to_owned());
        match &metric.definition.formula {
            Formula::Simple(it) if it.aggregate.is_zero_without_rows() => {
                fault(quotient, "a simple metric is counted in things, fen or time")
            }
            Formula::Stock(_) => fault(quotient, "a stock is counted in things, fen or time"),
            Formula::Simple(_) | Formula::Cohort(_) => None,
            Formula::Conversion(_) => fault(own != Unit::Ratio, "a conversion has unit `ratio`"),
            Formula::Cumulative(it) => {
                let inner = self.metrics.get(&it.metric).map(|inner| inner.definition.unit);
                fault(inner != Some(own), "unit differs from the unit of the input")
            }
            Formula::Derived(it) => self.computed_fault(own, &it.expression, None),
            Formula::Ratio(it) => self.computed_fault(own, &it.numerator, Some(&it.denominator)),
        }
    }

    fn computed_fault(&self, own: Unit, upper: &str, lower: Option<&str>) -> Option<String> {
        let units = |text: &str| {
            let parsed = Expression::parse(text).ok()?;
            let find = |id: &String| Some(Units::from(self.metrics.get(id)?.definition.unit));
            Units::of(&parsed, &find)
        };
        let (above, below) = (units(upper), lower.map_or_else(|| Some(Units::default()), units));
        let (Some(above), Some(below)) = (above, below) else {
            return Some("inputs of different units cannot be added".to_owned());
        };
        let fits = above.over(below).fit(own);
        (!fits).then(|| "unit does not follow from the units of the inputs".to_owned())
    }

    fn fill_dimensions(&mut self) {
        let allowed: BTreeMap<String, Vec<String>> = self
            .metrics
            .keys()
            .map(|id| {
                let find = self.find_definition();
                let dimensions = formula::dimensions(id, &find, &self.dimensions);
                (id.clone(), dimensions.iter().map(|dimension| dimension.id.clone()).collect())
            })
            .collect();
        for (id, dimensions) in allowed {
            if let Some(metric) = self.metrics.get_mut(&id) {
                metric.dimensions = dimensions;
            }
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

    /// `grain` with the project's start of fiscal months.
    pub(crate) fn grain(&self, grain: Option<Grain>) -> Option<Grain> {
        match grain {
            Some(Grain::FiscalMonth(_)) => Some(Grain::FiscalMonth(self.fiscal_start)),
            other => other,
        }
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
