//! Formulas of metrics with their names resolved.
//!
//! Owns what the sides of a ratio may be: a sum of simple metrics, or one other ratio (first ÷
//! return ticket size). Must not know SQL.

use hub_domain::metric::{Formula, MetricDefinition};
use rust_decimal::Decimal;

use crate::registry::terms::{self, Term};

/// Upper or lower side of a ratio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A sum of simple metrics.
    Sum(Vec<Term>),
    /// The quotient of another ratio, such as first ÷ return ticket size.
    Quotient(String),
}

/// A formula whose every name is known to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// One aggregate of one table.
    Simple,
    /// A sum of simple metrics.
    Sum(Vec<Term>),
    /// `scale × numerator ÷ denominator`.
    Ratio {
        /// Upper side.
        numerator: Part,
        /// Lower side.
        denominator: Part,
        /// Multiplier of the quotient.
        scale: Decimal,
        /// Periods the lower side is taken earlier.
        offset: u32,
    },
}

/// Resolves one formula against all definitions.
///
/// # Errors
/// A sentence that says which name is wrong.
pub(crate) fn resolve<'a>(
    definition: &MetricDefinition,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Result<Resolved, String> {
    match &definition.formula {
        Formula::Simple { .. } => Ok(Resolved::Simple),
        Formula::Derived { expression } => Ok(Resolved::Sum(simple_terms(expression, find)?)),
        Formula::Ratio { numerator, denominator, scale, denominator_offset } => {
            let sides = [numerator, denominator].map(|side| find(side.trim()));
            let nested =
                sides.iter().flatten().any(|it| matches!(it.formula, Formula::Ratio { .. }));
            if nested && *denominator_offset > 0 {
                return Err("a ratio of ratios takes no denominator offset".to_owned());
            }
            Ok(Resolved::Ratio {
                numerator: part(&definition.id, numerator, find)?,
                denominator: part(&definition.id, denominator, find)?,
                scale: *scale,
                offset: *denominator_offset,
            })
        }
    }
}

fn part<'a>(
    own: &str,
    text: &str,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Result<Part, String> {
    if let Some(inner) = find(text.trim())
        && let Formula::Ratio { numerator, denominator, denominator_offset, .. } = &inner.formula
    {
        if inner.id == own {
            return Err(format!("`{own}` is defined by itself"));
        }
        if *denominator_offset > 0 {
            return Err(format!("`{}` has a denominator offset and cannot be a side", inner.id));
        }
        for side in [numerator, denominator] {
            let deeper = find(side.trim()).map(|metric| &metric.formula);
            if matches!(deeper, Some(Formula::Ratio { .. })) {
                return Err(format!("`{}` is itself a ratio of ratios", inner.id));
            }
        }
        return Ok(Part::Quotient(inner.id.clone()));
    }
    Ok(Part::Sum(simple_terms(text, find)?))
}

fn simple_terms<'a>(
    text: &str,
    find: &impl Fn(&str) -> Option<&'a MetricDefinition>,
) -> Result<Vec<Term>, String> {
    let terms = terms::parse(text)?;
    for term in &terms {
        match find(&term.metric).map(|metric| &metric.formula) {
            Some(Formula::Simple { .. }) => {}
            Some(_) => {
                return Err(format!("`{}` in `{text}` is not a simple metric", term.metric));
            }
            None => return Err(format!("`{}` in `{text}` is no metric", term.metric)),
        }
    }
    Ok(terms)
}
