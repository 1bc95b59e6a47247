//! Revenue and profit as a product of drivers, and a change shared out over them exactly.
//!
//! Every driver is the quotient of two neighbours in a chain of totals, so that the product is the
//! last total whatever the numbers are: persons × (paying persons ÷ persons) × (paying visits ÷
//! paying persons) × (revenue ÷ paying visits) × (margin ÷ revenue) = margin.
//!
//! | method | share of a driver in the change |
//! |---|---|
//! | sequential | what the result changes by when drivers move to their new values one after the other, in order |
//! | lmdi | L(V₁, V₀) · ln(x₁ ÷ x₀), L the logarithmic mean (Ang, "The LMDI approach to decomposition analysis"); needs positive totals |
//!
//! Shares are rounded once, to whole units, so that they add up to the change (largest remainder).
//! Owns the arithmetic. Must not know which totals there are.

#[cfg(test)]
mod tests;

use num_rational::BigRational;
use num_traits::Zero;
use rust_decimal::{Decimal, MathematicalOps};

use super::exact;

/// How a change is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// One driver after the other.
    Sequential,
    /// Logarithmic mean Divisia index; the order of drivers does not matter.
    Lmdi,
}

/// Why a change cannot be shared out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something came of nothing.
    #[error("total {place} is not zero though the one before it is")]
    FromNothing {
        /// Position of the total in its chain, from 0.
        place: usize,
    },
    /// A logarithm of zero or less.
    #[error("logarithmic shares need totals above zero")]
    NotPositive,
    /// A total outgrew 28 digits.
    #[error("a total has more than 28 digits")]
    TooLarge,
    /// The two chains differ in length, or are empty.
    #[error("the chains have no common length")]
    Uneven,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::FromNothing { .. } => "take a range in which persons came",
            Self::NotPositive => "use the sequential method",
            Self::TooLarge => "use a larger currency unit",
            Self::Uneven => "give both ranges the same totals",
        }
    }
}

/// The drivers of a chain of totals: the first total, then each total over the one before it.
/// None where both are zero.
///
/// # Errors
/// `FromNothing` when a total is not zero though the one before it is.
pub fn drivers(totals: &[Decimal]) -> Result<Vec<Option<Decimal>>, Error> {
    let all = fractions(totals)?;
    let shown = |(place, driver): (usize, BigRational)| {
        let of_nothing = place > 0 && totals[place - 1].is_zero();
        if of_nothing { Ok(None) } else { exact::decimal(&driver).map(Some).ok_or(Error::TooLarge) }
    };
    all.into_iter().enumerate().map(shown).collect()
}

/// Drivers as fractions; 0 where both totals are zero, so that products stay what they are.
fn fractions(totals: &[Decimal]) -> Result<Vec<BigRational>, Error> {
    let mut before: Option<BigRational> = None;
    let mut all = Vec::with_capacity(totals.len());
    for (place, total) in totals.iter().enumerate() {
        let total = exact::fraction(*total);
        all.push(match before {
            None => total.clone(),
            Some(before) if !before.is_zero() => &total / before,
            Some(_) if total.is_zero() => BigRational::zero(),
            Some(_) => return Err(Error::FromNothing { place }),
        });
        before = Some(total);
    }
    Ok(all)
}

/// The share of every driver in the change of the last total from `base` to `now`, in whole units.
///
/// # Errors
/// See [`Error`].
pub fn contributions(
    base: &[Decimal],
    now: &[Decimal],
    method: Method,
) -> Result<Vec<Decimal>, Error> {
    if base.len() != now.len() || base.is_empty() {
        return Err(Error::Uneven);
    }
    let shares = match method {
        Method::Sequential => sequential(&fractions(base)?, &fractions(now)?),
        Method::Lmdi => lmdi(base, now)?,
    };
    exact::rounded_to_sum(&shares, 0).ok_or(Error::TooLarge)
}

/// Σ x₁…xᵢ₋₁ (x₁ᵢ − x₀ᵢ) x₀ᵢ₊₁… telescopes to the change.
fn sequential(base: &[BigRational], now: &[BigRational]) -> Vec<BigRational> {
    let product = |parts: &[BigRational]| -> BigRational { parts.iter().product() };
    let share = |place: usize| {
        product(&now[..place]) * (&now[place] - &base[place]) * product(&base[place + 1..])
    };
    (0..base.len()).map(share).collect()
}

/// Logarithms end after 28 digits; what that leaves of the change goes to the largest share.
fn lmdi(base: &[Decimal], now: &[Decimal]) -> Result<Vec<BigRational>, Error> {
    if base.iter().chain(now).any(|total| *total <= Decimal::ZERO) {
        return Err(Error::NotPositive);
    }
    let last = base.len() - 1;
    let (from, to) = (base[last], now[last]);
    let grown = |place: usize| (now[place] / base[place]).ln();
    // ln of a driver's growth: of its total, less that of the total before it.
    let growth = |place: usize| {
        if place == 0 { grown(0) } else { grown(place) - grown(place - 1) }
    };
    let mean = if from == to { to } else { (to - from) / grown(last) };
    let mut shares: Vec<BigRational> =
        (0..base.len()).map(|place| exact::fraction(mean * growth(place))).collect();
    let change = exact::fraction(to) - exact::fraction(from);
    let rest = change - shares.iter().sum::<BigRational>();
    let largest = (0..shares.len()).max_by(|a, b| abs(&shares[*a]).cmp(&abs(&shares[*b])));
    if let Some(largest) = largest {
        shares[largest] += rest;
    }
    Ok(shares)
}

fn abs(share: &BigRational) -> BigRational {
    num_traits::Signed::abs(share)
}
