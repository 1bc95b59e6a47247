//! Centres as numbers: who takes how much from whom, and costs as exact fractions.

use std::collections::{BTreeMap, HashMap};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use rust_decimal::Decimal;

use super::{CentreCost, Driver, Error, FEN_PLACES, exact};

/// Costs and drivers of a run, by index of the centre.
#[derive(Debug)]
pub(in crate::analysis) struct Network {
    /// Codes, for messages and answers.
    pub(in crate::analysis) codes: Vec<String>,
    direct: Vec<Decimal>,
    /// Direct cost, exactly.
    pub(super) cost: Vec<BigRational>,
    /// Taker → units, per giving centre; all scaled by one power of ten, never zero, never self.
    pub(super) taken: Vec<BTreeMap<usize, BigInt>>,
}

impl Network {
    /// Checks codes and quantities.
    ///
    /// # Errors
    /// Repeated or unknown codes, negative quantities, costs whose sum does not fit a decimal.
    pub(in crate::analysis) fn new<'a>(
        centres: impl Iterator<Item = (&'a str, Decimal)>,
        drivers: &[Driver],
    ) -> Result<Self, Error> {
        let mut index = HashMap::new();
        let (mut codes, mut direct) = (Vec::new(), Vec::new());
        let mut total = Decimal::ZERO;
        let too_large = |code: &str| Error::TooLarge { code: code.to_owned() };
        for (row, (code, amount)) in centres.enumerate() {
            if index.insert(code, row).is_some() {
                return Err(Error::RepeatedCentre { row, code: code.to_owned() });
            }
            codes.push(code.to_owned());
            direct.push(amount);
            total = total.checked_add(amount).ok_or_else(|| too_large(code))?;
        }
        let (units, _) = exact::integers(&drivers.iter().map(|it| it.qty).collect::<Vec<_>>());
        let mut taken = vec![BTreeMap::new(); codes.len()];
        for (row, (driver, units)) in drivers.iter().zip(units).enumerate() {
            let find = |code: &str| {
                let known = index.get(code).copied();
                known.ok_or_else(|| Error::UnknownCentre { row, code: code.to_owned() })
            };
            let (from, to) = (find(&driver.from)?, find(&driver.to)?);
            if driver.qty.is_sign_negative() && !driver.qty.is_zero() {
                return Err(Error::NegativeDriver { row, qty: driver.qty });
            }
            if from != to && !units.is_zero() {
                *taken[from].entry(to).or_insert_with(BigInt::zero) += units;
            }
        }
        let cost = direct.iter().map(|amount| exact::fraction(*amount)).collect();
        Ok(Self { codes, direct, cost, taken })
    }

    /// Direct, received and full cost of every centre; final ones are rounded to one sum.
    ///
    /// # Errors
    /// `TooLarge` when an amount does not fit a decimal.
    pub(in crate::analysis) fn costs(
        &self,
        received: &[BigRational],
        finals: &[bool],
    ) -> Result<Vec<CentreCost>, Error> {
        let full: Vec<BigRational> =
            self.cost.iter().zip(received).map(|(direct, more)| direct + more).collect();
        let kept: Vec<BigRational> =
            full.iter().zip(finals).filter(|it| *it.1).map(|it| it.0.clone()).collect();
        let too_large = |row: usize| Error::TooLarge { code: self.codes[row].clone() };
        let first_final = finals.iter().position(|it| *it).unwrap_or(0);
        let mut rounded = exact::rounded_to_sum(&kept, FEN_PLACES)
            .ok_or_else(|| too_large(first_final))?
            .into_iter();
        let mut costs = Vec::with_capacity(full.len());
        for (row, amount) in full.iter().enumerate() {
            let own = if finals[row] { rounded.next() } else { exact::rounded(amount, FEN_PLACES) };
            costs.push(CentreCost {
                code: self.codes[row].clone(),
                is_final: finals[row],
                direct: self.direct[row],
                allocated: exact::decimal(&received[row]).ok_or_else(|| too_large(row))?,
                full: exact::decimal(amount).ok_or_else(|| too_large(row))?,
                rounded: own.ok_or_else(|| too_large(row))?,
            });
        }
        Ok(costs)
    }
}
