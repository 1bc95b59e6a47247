//! Aggregated inputs in memory, and metrics evaluated over them.
//!
//! Owns exact arithmetic: inputs are added first and divided last, in decimals. Must not know SQL
//! text, paging or labels.

use std::collections::{BTreeMap, HashMap};

use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use hub_domain::Error;
use hub_domain::calendar::Grain;
use hub_domain::metric::MetricValue;
use rust_decimal::{Decimal, RoundingStrategy};

use super::compile::{Input, Statement};
use super::window::Shift;
use crate::readers::catalogue::{Catalogue, Metric};
use crate::readers::decode::rows;
use crate::readers::formula::{Part, Resolved};
use crate::registry::Term;

/// Decimals of a quotient, as in the `metrics.<id>` views.
pub(crate) const QUOTIENT_DECIMALS: u32 = 12;

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
                let value = row.number_opt(name)?.unwrap_or_default();
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

    /// Everything added up into one cell without period and dimensions.
    pub(crate) fn total(&self) -> Result<Self, Error> {
        let mut total = Self::default();
        let cell = (None, total.intern(Vec::new(), true));
        for (input, cells) in &self.values {
            let mut sum = Decimal::ZERO;
            for value in cells.values() {
                sum = checked(&input.metric, sum.checked_add(*value))?;
            }
            total.values.insert(input.clone(), HashMap::from([(cell, sum)]));
        }
        Ok(total)
    }

    /// Puts the inputs of `other` in place of the same inputs here. Both must hold one cell.
    pub(crate) fn replace(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// Evaluates metrics over these sums.
    pub(crate) fn evaluator<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        grain: Option<Grain>,
    ) -> Evaluator<'a> {
        Evaluator { sums: self, catalogue, grain }
    }
}

/// See [`Sums::evaluator`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    sums: &'a Sums,
    catalogue: &'a Catalogue,
    grain: Option<Grain>,
}

impl Evaluator<'_> {
    /// One metric in one cell, with its comparison when `compare` is given.
    pub(crate) fn value(
        &self,
        metric: &Metric,
        cell: Cell,
        compare: Option<Shift>,
    ) -> Result<MetricValue, Error> {
        let now = self.quotient(metric, Shift::default(), cell)?;
        let compare = match compare {
            Some(shift) => self.quotient(metric, shift, cell)?.value,
            None => None,
        };
        Ok(MetricValue {
            metric: metric.definition.id.clone(),
            value: now.value,
            numerator: now.numerator,
            denominator: now.denominator,
            compare,
            suppressed: false,
        })
    }

    fn quotient(&self, metric: &Metric, shift: Shift, cell: Cell) -> Result<Quotient, Error> {
        let id = &metric.definition.id;
        let (numerator, denominator, scale, offset) = match &metric.resolved {
            Resolved::Simple => return Ok(Quotient::plain(self.input(id, shift, cell))),
            Resolved::Sum(terms) => {
                return Ok(Quotient::plain(self.sum(id, terms, shift, cell)?));
            }
            Resolved::Ratio { numerator, denominator, scale, offset } => {
                (numerator, denominator, *scale, *offset)
            }
        };
        let numerator = self.part(id, numerator, shift, cell)?;
        let denominator = self.part(id, denominator, shift.earlier(offset), cell)?;
        let value = match (numerator, denominator) {
            (Some(above), Some(below)) if !below.is_zero() => {
                let scaled = checked(id, above.checked_mul(scale))?;
                Some(rounded(checked(id, scaled.checked_div(below))?))
            }
            _ => None,
        };
        Ok(Quotient { value, numerator, denominator })
    }

    fn part(
        &self,
        id: &str,
        part: &Part,
        shift: Shift,
        cell: Cell,
    ) -> Result<Option<Decimal>, Error> {
        match part {
            Part::Sum(terms) => self.sum(id, terms, shift, cell).map(Some),
            Part::Quotient(inner) => {
                let inner = self.catalogue.metric(inner)?;
                Ok(self.quotient(inner, shift, cell)?.value)
            }
        }
    }

    fn sum(&self, id: &str, terms: &[Term], shift: Shift, cell: Cell) -> Result<Decimal, Error> {
        terms.iter().try_fold(Decimal::ZERO, |sum, term| {
            let value = self.input(&term.metric, shift, cell);
            let sum = if term.sign < 0 { sum.checked_sub(value) } else { sum.checked_add(value) };
            checked(id, sum)
        })
    }

    /// An aggregate; 0 where no row was.
    fn input(&self, metric: &str, shift: Shift, (period, combination): Cell) -> Decimal {
        let period = match (period, self.grain) {
            (Some(period), Some(grain)) => Some(shift.period(period, grain)),
            _ => period,
        };
        let input = Input { metric: metric.to_owned(), shift };
        let cells = self.sums.values.get(&input);
        cells.and_then(|cells| cells.get(&(period, combination))).copied().unwrap_or_default()
    }
}

struct Quotient {
    value: Option<Decimal>,
    numerator: Option<Decimal>,
    denominator: Option<Decimal>,
}

impl Quotient {
    fn plain(value: Decimal) -> Self {
        Self { value: Some(value), numerator: Some(value), denominator: None }
    }
}

/// A quotient as every door shows it: 12 decimals, halves away from zero.
pub(crate) fn rounded(value: Decimal) -> Decimal {
    value
        .round_dp_with_strategy(QUOTIENT_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
        .normalize()
}

fn checked(metric: &str, value: Option<Decimal>) -> Result<Decimal, Error> {
    value.ok_or_else(|| Error::internal(OutOfRange { metric: metric.to_owned() }))
}
