//! Formulas of metrics with their names resolved down to what is aggregated.
//!
//! Owns the way from definitions that name each other to formulas over aggregated inputs, and the
//! refusal of circles. Must not know SQL.

use std::collections::BTreeSet;

use hub_domain::metric::{
    Aggregate, Arithmetic, Dimension, Expression, Formula, Function, Gaps, MetricDefinition,
};
use rust_decimal::Decimal;

/// Which number of a metric that aggregates rows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Its value.
    Value,
    /// What followed the entries of a conversion or cohort.
    Followed,
    /// The entries of a conversion or cohort.
    Entered,
}

/// One aggregated input of a formula.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Atom {
    /// Metric that aggregates rows itself.
    pub metric: String,
    /// Which of its numbers.
    pub side: Side,
    /// Periods it is taken earlier.
    pub earlier: u32,
}

/// A metric as formulas over aggregated inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Upper side, or the whole value.
    pub numerator: Expression<Atom>,
    /// Lower side of what is divided.
    pub denominator: Option<Expression<Atom>>,
    /// The value: the quotient rounded once, or the upper side.
    pub value: Expression<Atom>,
}

impl Resolved {
    fn plain(metric: &str) -> Self {
        let atom = Atom { metric: metric.to_owned(), side: Side::Value, earlier: 0 };
        Self::whole(Expression::Metric(atom))
    }

    fn whole(numerator: Expression<Atom>) -> Self {
        let value = match numerator.is_sum() {
            true => numerator.clone(),
            false => Expression::Rounded(Box::new(numerator.clone())),
        };
        Self { numerator, denominator: None, value }
    }

    fn quotient(
        numerator: Expression<Atom>,
        denominator: Expression<Atom>,
        scale: Decimal,
    ) -> Self {
        let scaled = match scale == Decimal::ONE {
            true => numerator.clone(),
            false => Expression::apply(
                Arithmetic::Multiply,
                numerator.clone(),
                Expression::Number(scale),
            ),
        };
        let divided = Expression::apply(Arithmetic::Divide, scaled, denominator.clone());
        let value = Expression::Rounded(Box::new(divided));
        Self { numerator, denominator: Some(denominator), value }
    }

    /// Every aggregated input, once.
    #[must_use]
    pub fn atoms(&self) -> BTreeSet<&Atom> {
        let lower = self.denominator.iter().flat_map(Expression::leaves);
        self.numerator.leaves().into_iter().chain(lower).collect()
    }
}

/// Resolves one formula against all definitions.
///
/// # Errors
/// A sentence that says which name is wrong.
pub(crate) fn resolve<'a>(
    definition: &MetricDefinition,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Result<Resolved, String> {
    Resolver { find, above: Vec::new() }.metric(definition)
}

struct Resolver<'f, F> {
    find: &'f F,
    /// Metrics being resolved, outermost first.
    above: Vec<String>,
}

impl<'a, F: Fn(&str) -> Option<&'a MetricDefinition>> Resolver<'_, F> {
    fn metric(&mut self, definition: &MetricDefinition) -> Result<Resolved, String> {
        let id = &definition.id;
        if self.above.contains(id) {
            return Err(format!("`{id}` is defined by itself"));
        }
        self.above.push(id.clone());
        let resolved = match &definition.formula {
            Formula::Simple(_) | Formula::Stock(_) => Resolved::plain(id),
            Formula::Cumulative(cumulative) => {
                let inner = (self.find)(&cumulative.metric).map(|inner| &inner.formula);
                if !matches!(inner, Some(Formula::Simple(_))) {
                    return Err(format!("`{}` is not a simple metric", cumulative.metric));
                }
                Resolved::plain(id)
            }
            Formula::Conversion(_) | Formula::Cohort(_) => {
                let side = |side| Expression::Metric(Atom { metric: id.clone(), side, earlier: 0 });
                Resolved::quotient(side(Side::Followed), side(Side::Entered), Decimal::ONE)
            }
            Formula::Derived(derived) => Resolved::whole(self.text(&derived.expression, 0)?),
            Formula::Ratio(ratio) => Resolved::quotient(
                self.text(&ratio.numerator, 0)?,
                self.text(&ratio.denominator, ratio.denominator_offset)?,
                ratio.scale,
            ),
        };
        self.above.pop();
        Ok(resolved)
    }

    fn text(&mut self, text: &str, earlier: u32) -> Result<Expression<Atom>, String> {
        let parsed = Expression::parse(text)?;
        if parsed.leaves().is_empty() {
            return Err(format!("`{text}` names no metric"));
        }
        parsed.bind(&mut |id: &String| self.input(text, id, earlier))
    }

    /// The value of metric `id` inside another formula.
    fn input(&mut self, text: &str, id: &str, earlier: u32) -> Result<Expression<Atom>, String> {
        let Some(inner) = (self.find)(id) else {
            return Err(format!("`{id}` in `{text}` is no metric"));
        };
        let resolved = self.metric(inner)?;
        if resolved.atoms().iter().any(|atom| atom.earlier > 0) {
            return Err(format!("`{id}` has a denominator offset and cannot be an input"));
        }
        let value = resolved.value.bind(&mut |atom: &Atom| {
            Ok::<_, String>(Expression::Metric(Atom { earlier, ..atom.clone() }))
        })?;
        Ok(match (&inner.formula, inner.gaps) {
            (Formula::Ratio(_) | Formula::Derived(_), Some(Gaps::Zero)) => Expression::Call {
                function: Function::Coalesce,
                arguments: vec![value, Expression::Number(Decimal::ZERO)],
            },
            _ => value,
        })
    }
}

/// The aggregate behind an input; none for entries and what follows them.
pub(crate) fn aggregate<'a>(
    atom: &Atom,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Option<Aggregate> {
    match &find(&atom.metric)?.formula {
        Formula::Simple(simple) => Some(simple.aggregate),
        Formula::Stock(stock) => Some(stock.aggregate),
        Formula::Cumulative(cumulative) => match &find(&cumulative.metric)?.formula {
            Formula::Simple(simple) => Some(simple.aggregate),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an input is 0 where no row was; otherwise it is nothing.
pub(crate) fn is_zero_without_rows<'a>(
    atom: &Atom,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> bool {
    let gaps = find(&atom.metric).and_then(|metric| metric.gaps);
    match (gaps, aggregate(atom, find)) {
        (Some(gaps), Some(_)) => gaps == Gaps::Zero,
        (None, Some(aggregate)) => aggregate.is_zero_without_rows(),
        // Nobody entered, or nothing followed.
        (_, None) => true,
    }
}

/// Metrics that aggregate rows for metric `id`, itself when it does; names nobody defined are
/// listed as well. Without repeats, in order of appearance.
pub(crate) fn leaves<'a>(
    id: &str,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Vec<String> {
    let (mut seen, mut leaves) = (BTreeSet::new(), Vec::new());
    let mut waiting = vec![id.to_owned()];
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let texts = find(&id).map(|metric| metric.formula.texts()).unwrap_or_default();
        if texts.is_empty() {
            leaves.push(id);
        }
        let inner = texts.iter().filter_map(|text| Expression::parse(text).ok());
        let names: Vec<String> =
            inner.flat_map(|it| it.leaves().into_iter().cloned().collect::<Vec<_>>()).collect();
        waiting.extend(names.into_iter().rev());
    }
    leaves
}

/// Dimensions metric `id` may be split by, in the order of `all`: those every input has itself or
/// by roll-up, as far as the metric allows them.
pub(crate) fn dimensions<'a, 'd>(
    id: &str,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
    all: &'d [Dimension],
) -> Vec<&'d Dimension> {
    let leaves = leaves(id, find);
    let own = |leaf: &String| find(leaf).and_then(|metric| metric.formula.own_dimensions());
    let has = |leaf: &String, dimension: &Dimension| {
        own(leaf).is_some_and(|own| {
            own.contains_key(&dimension.id)
                || dimension.rollup.as_ref().is_some_and(|rollup| own.contains_key(&rollup.of))
        })
    };
    let allowed = find(id).and_then(|metric| metric.allowed_dimensions.as_ref());
    let shared = |dimension: &&Dimension| {
        allowed.is_none_or(|allowed| allowed.contains(&dimension.id))
            && !leaves.is_empty()
            && leaves.iter().all(|leaf| has(leaf, dimension))
    };
    all.iter().filter(shared).collect()
}
