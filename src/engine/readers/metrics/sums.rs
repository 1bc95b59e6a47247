//! Aggregated inputs in memory, and metrics evaluated over them.
//!
//! Owns exact arithmetic: inputs are added first and divided last, in decimals. Must not know SQL
//! text, paging or labels.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use hub_domain::Error;
use hub_domain::calendar::Grain;
use hub_domain::metric::{Expression, Gaps, MetricValue};
use rust_decimal::Decimal;

use super::compile::{Input, Statement};
use super::window::Shift;
use crate::readers::catalogue::{Catalogue, Metric};
use crate::readers::decode::rows;
use crate::readers::formula::Atom;

/// A sum or quotient beyond 28 digits.
#[derive(Debug, thiserror::Error)]
#[error("metric `{metric}` is out of range")]
struct OutOfRange {
    metric: String,
}

/// Values of the dimensions of one row.
pub(crate) type Combination = Vec<Option<String>>;

/// Where in the result a value belongs: period and combination.
pub(crate) type Cell = (Option<NaiveDate>, usize);

/// Aggregates of every input, by period and dimension values.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    combinations: Vec<Combination>,
    known: HashMap<Combination, usize>,
    /// Combinations that make rows of their own.
    shown: Vec<bool>,
    values: BTreeMap<Input, HashMap<Cell, Decimal>>,
}

impl Sums {
    /// Takes in the answer of one statement.
    pub(crate) fn add(
        &mut self,
        statement: &Statement,
        dimensions: usize,
        by_period: bool,
        batches: &[RecordBatch],
    ) -> Result<(), Error> {
        let dimension_names: Vec<String> = (0..dimensions).map(|i| format!("d{i}")).collect();
        let value_names: Vec<String> =
            (0..statement.inputs.len()).map(|i| format!("v{i}")).collect();
        for row in rows(batches) {
            let mut combination = Vec::with_capacity(dimensions);
            for name in &dimension_names {
                combination.push(row.text_opt(name)?.map(str::to_owned));
            }
            let period = if by_period { row.day_opt("period")? } else { None };
            let cell = (period, self.intern(combination, !statement.shift.is_compare()));
            for (name, input) in value_names.iter().zip(&statement.inputs) {
                let Some(value) = row.number_opt(name)? else { continue };
                let sum = self.values.entry(input.clone()).or_default().entry(cell).or_default();
                *sum = checked(&input.metric, sum.checked_add(value))?;
            }
        }
        Ok(())
    }

    /// Makes the one row of an answer without dimensions, even when nothing is there to count.
    pub(crate) fn show_everything(&mut self) {
        self.intern(Vec::new(), true);
    }

    fn intern(&mut self, combination: Combination, shown: bool) -> usize {
        let next = self.combinations.len();
        let index = *self.known.entry(combination).or_insert_with_key(|key| {
            self.combinations.push(key.clone());
            self.shown.push(false);
            next
        });
        self.shown[index] |= shown;
        index
    }

    /// Combinations that make rows, with their index.
    pub(crate) fn combinations(&self) -> impl Iterator<Item = (usize, &Combination)> {
        self.combinations.iter().enumerate().filter(|(index, _)| self.shown[*index])
    }

    /// Everything added up into one cell without period and dimensions, but for inputs that do
    /// not add up.
    pub(crate) fn total(&self, but: &BTreeSet<Input>) -> Result<Self, Error> {
        let mut total = Self::default();
        let cell = (None, total.intern(Vec::new(), true));
        for (input, cells) in self.values.iter().filter(|(input, _)| !but.contains(input)) {
            let mut sum = Decimal::ZERO;
            for value in cells.values() {
                sum = checked(&input.metric, sum.checked_add(*value))?;
            }
            total.values.insert(input.clone(), HashMap::from([(cell, sum)]));
        }
        Ok(total)
    }

    /// Takes over the inputs of `other`. Both must hold one cell.
    pub(crate) fn take_over(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// Evaluates metrics over these sums.
    pub(crate) fn evaluator<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        grain: Option<Grain>,
        approximate: bool,
    ) -> Evaluator<'a> {
        Evaluator { sums: self, catalogue, grain, approximate }
    }
}

/// See [`Sums::evaluator`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    sums: &'a Sums,
    catalogue: &'a Catalogue,
    grain: Option<Grain>,
    approximate: bool,
}

impl Evaluator<'_> {
    /// One metric in one cell, with its comparison when `compare` is given. `before` are the
    /// periods asked for that lie before, the newest first: gaps may show their values.
    pub(crate) fn value(
        &self,
        metric: &Metric,
        cell: Cell,
        compare: Option<Shift>,
        before: &[NaiveDate],
    ) -> Result<MetricValue, Error> {
        let now = Shift::default();
        let (numerator, denominator) = (&metric.resolved.numerator, &metric.resolved.denominator);
        let compare = match compare {
            Some(shift) => self.filled(metric, shift, cell, before)?,
            None => None,
        };
        Ok(MetricValue {
            metric: metric.definition.id.clone(),
            value: self.filled(metric, now, cell, before)?,
            numerator: match denominator {
                Some(_) => self.evaluate(metric, numerator, now, cell)?,
                None => self.filled(metric, now, cell, before)?,
            },
            denominator: match denominator {
                Some(denominator) => self.evaluate(metric, denominator, now, cell)?,
                None => None,
            },
            compare,
            suppressed: false,
            approximate: self.approximate && self.counts_distinct(metric),
        })
    }

    /// The value, or what the metric shows where there is none.
    fn filled(
        &self,
        metric: &Metric,
        shift: Shift,
        (period, combination): Cell,
        before: &[NaiveDate],
    ) -> Result<Option<Decimal>, Error> {
        let value = &metric.resolved.value;
        let found = self.evaluate(metric, value, shift, (period, combination))?;
        match (found, metric.definition.gaps) {
            (None, Some(Gaps::Zero)) => Ok(Some(Decimal::ZERO)),
            (None, Some(Gaps::Last)) => {
                for earlier in before {
                    let cell = (Some(*earlier), combination);
                    let last = self.evaluate(metric, value, shift, cell)?;
                    if last.is_some() {
                        return Ok(last);
                    }
                }
                Ok(None)
            }
            (found, _) => Ok(found),
        }
    }

    fn evaluate(
        &self,
        metric: &Metric,
        expression: &Expression<Atom>,
        shift: Shift,
        cell: Cell,
    ) -> Result<Option<Decimal>, Error> {
        let value = expression.evaluate(&|atom| self.input(&Input::new(atom, shift), cell));
        checked(&metric.definition.id, value.ok())
    }

    /// An aggregate; where no row was, 0 or nothing, as the metric says.
    fn input(&self, input: &Input, (period, combination): Cell) -> Option<Decimal> {
        let period = match (period, self.grain) {
            (Some(period), Some(grain)) => Some(input.shift.period(period, grain)),
            _ => period,
        };
        let cells = self.sums.values.get(input);
        let found = cells.and_then(|cells| cells.get(&(period, combination))).copied();
        if self.catalogue.is_zero_without_rows(&input.atom()) {
            return Some(found.unwrap_or_default());
        }
        // A count of no rows is 0 and yet nothing, where gaps are not shown as 0.
        found.filter(|value| !value.is_zero() || !self.catalogue.counts(&input.atom()))
    }

    fn counts_distinct(&self, metric: &Metric) -> bool {
        let atoms = metric.resolved.atoms();
        atoms.into_iter().any(|atom| self.catalogue.counts_distinct(atom))
    }
}

fn checked<T>(metric: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::internal(OutOfRange { metric: metric.to_owned() }))
}
