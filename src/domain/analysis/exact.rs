//! Exact fractions behind amounts: into and out of decimals, rounding that keeps sums, and
//! linear systems without rounding.
//!
//! `Decimal` carries 28 digits, which a chain of divisions wears off; shares are therefore kept
//! as fractions of big integers and become decimals once, at the end. Must not know what the
//! numbers mean.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};
use rust_decimal::Decimal;

/// Decimals kept when a fraction becomes a `Decimal`, as long as its digits allow.
const PLACES: u32 = 20;

/// 10 to the power of `places`.
fn power_of_ten(places: u32) -> BigInt {
    BigInt::from(10).pow(places)
}

/// The fraction equal to `amount`.
pub(super) fn fraction(amount: Decimal) -> BigRational {
    BigRational::new(amount.mantissa().into(), power_of_ten(amount.scale()))
}

/// The decimal nearest to `amount`, with up to 20 decimals; `None` beyond 28 digits.
pub(super) fn decimal(amount: &BigRational) -> Option<Decimal> {
    (0..=PLACES).rev().find_map(|places| rounded(amount, places)).map(|it| it.normalize())
}

/// `amount` rounded half away from zero to `places` decimals; `None` when it does not fit.
pub(super) fn rounded(amount: &BigRational, places: u32) -> Option<Decimal> {
    let scaled = (amount * BigRational::from(power_of_ten(places))).round().to_integer();
    Decimal::try_from_i128_with_scale(scaled.to_i128()?, places).ok()
}

/// Rounds every amount to `places` decimals so that the parts add up to the rounded total.
///
/// Largest remainder: all are rounded down, the missing units go to the largest cut-off parts;
/// equal parts are served in the given order.
pub(super) fn rounded_to_sum(amounts: &[BigRational], places: u32) -> Option<Vec<Decimal>> {
    let unit = BigRational::from(power_of_ten(places));
    let scaled: Vec<BigRational> = amounts.iter().map(|amount| amount * &unit).collect();
    let mut units: Vec<BigInt> = scaled.iter().map(|it| it.floor().to_integer()).collect();
    let total: BigRational = scaled.iter().sum();
    let missing = (total.round().to_integer() - units.iter().sum::<BigInt>()).to_usize()?;
    let mut order: Vec<usize> = (0..amounts.len()).collect();
    let cut_off = |index: &usize| &scaled[*index] - scaled[*index].floor();
    order.sort_by_key(|index| std::cmp::Reverse(cut_off(index)));
    for index in order.into_iter().take(missing) {
        units[index] += BigInt::one();
    }
    units
        .into_iter()
        .map(|it| Decimal::try_from_i128_with_scale(it.to_i128()?, places).ok())
        .collect()
}

/// A sum of integers, kept in a machine's numbers as long as it fits them.
#[derive(Debug, Default)]
pub(super) struct Sum {
    near: i128,
    beyond: BigInt,
}

impl Sum {
    /// Adds `amount`, `times` over.
    pub(super) fn add(&mut self, amount: &BigInt, times: u128) {
        let added = amount.to_i128().zip(i128::try_from(times).ok());
        let product = added.and_then(|(amount, times)| amount.checked_mul(times));
        match product.and_then(|product| self.near.checked_add(product)) {
            Some(near) => self.near = near,
            None => self.beyond += amount * times,
        }
    }

    /// What was added.
    pub(super) fn total(self) -> BigInt {
        self.beyond + self.near
    }
}

/// Decimals brought to one power of ten, as integers, together with that power.
pub(super) fn integers(amounts: &[Decimal]) -> (Vec<BigInt>, BigInt) {
    let places = amounts.iter().map(Decimal::scale).max().unwrap_or(0);
    let scaled = |amount: &Decimal| match places - amount.scale() {
        0 => BigInt::from(amount.mantissa()),
        missing => power_of_ten(missing) * amount.mantissa(),
    };
    (amounts.iter().map(scaled).collect(), power_of_ten(places))
}

/// The least common denominator of fractions.
pub(super) fn common_denominator<'a>(amounts: impl Iterator<Item = &'a BigRational>) -> BigInt {
    amounts.fold(BigInt::one(), |common, it| {
        let missing = BigRational::new(it.denom().clone(), common.clone()).numer().clone();
        common * missing
    })
}

/// Solves `matrix · x = right` exactly; `None` when the matrix is singular.
pub(super) fn solve(mut matrix: Vec<Vec<BigInt>>, right: Vec<BigInt>) -> Option<Vec<BigRational>> {
    matrix.iter_mut().zip(right).for_each(|(row, right)| row.push(right));
    let whole = eliminate(&mut matrix)?;
    let parts = matrix.into_iter().filter_map(|mut row| row.pop());
    Some(parts.map(|part| BigRational::new(part, whole.clone())).collect())
}

/// The inverse of a matrix, as integers over one whole; `None` when it is singular.
pub(super) fn inverse(mut matrix: Vec<Vec<BigInt>>) -> Option<(Vec<Vec<BigInt>>, BigInt)> {
    let size = matrix.len();
    for (index, row) in matrix.iter_mut().enumerate() {
        row.extend((0..size).map(|column| BigInt::from(u8::from(column == index))));
    }
    let whole = eliminate(&mut matrix)?;
    Some((matrix.into_iter().map(|mut row| row.split_off(size)).collect(), whole))
}

/// Brings the square at the left of `rows` to a multiple of the identity, and tells which; what
/// stands right of it takes part. `None` when the square is singular.
///
/// Bareiss elimination above and below the diagonal: every intermediate value is an integer (a
/// minor of the matrix), so that nothing is rounded and no fraction reduced. The square itself is
/// left as it was needed last.
fn eliminate(rows: &mut [Vec<BigInt>]) -> Option<BigInt> {
    let mut previous = BigInt::one();
    for step in 0..rows.len() {
        let pivot = (step..rows.len())
            .filter(|row| !rows[*row][step].is_zero())
            .min_by_key(|row| rows[*row][step].abs())?;
        rows.swap(step, pivot);
        let (above, rest) = rows.split_at_mut(step);
        let (top, below) = rest.split_first_mut()?;
        for row in above.iter_mut().chain(below) {
            let factor = std::mem::take(&mut row[step]);
            for (cell, over) in row.iter_mut().zip(&*top).skip(step + 1) {
                *cell = (&*cell * &top[step] - &factor * over) / &previous;
            }
        }
        previous.clone_from(&top[step]);
    }
    Some(previous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn a_third_keeps_twenty_decimals() {
        let third = BigRational::new(1.into(), 3.into());
        assert_eq!(decimal(&third), Some(dec("0.33333333333333333333")));
        assert_eq!(decimal(&fraction(dec("-12.50"))), Some(dec("-12.5")));
    }

    #[test]
    fn large_amounts_give_up_decimals_and_then_fail() {
        let large = BigRational::new(BigInt::from(10).pow(25), 3.into());
        assert_eq!(decimal(&large), Some(dec("3333333333333333333333333.3333")));
        assert_eq!(decimal(&BigRational::from(BigInt::from(10).pow(40))), None);
    }

    #[test]
    fn rounding_keeps_the_sum() {
        let thirds = vec![BigRational::new(100.into(), 3.into()); 3];
        let parts = rounded_to_sum(&thirds, 2).expect("fits");
        assert_eq!(parts, [dec("33.34"), dec("33.33"), dec("33.33")]);
    }

    #[test]
    fn a_singular_system_has_no_solution() {
        let matrix = vec![vec![1.into(), (-1).into()], vec![(-1).into(), 1.into()]];
        assert_eq!(solve(matrix.clone(), vec![1.into(), 0.into()]), None);
        assert_eq!(inverse(matrix), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn sums_outgrow_the_machine(added in prop::collection::vec(
            (any::<i128>(), prop_oneof![0u128..10, any::<u128>()]), 0..20,
        )) {
            let mut sum = Sum::default();
            added.iter().for_each(|(amount, times)| sum.add(&BigInt::from(*amount), *times));
            let wanted: BigInt =
                added.into_iter().map(|(amount, times)| BigInt::from(amount) * times).sum();
            prop_assert_eq!(sum.total(), wanted);
        }

        #[test]
        fn rounded_parts_add_up(cents in prop::collection::vec(-100_000i64..100_000, 1..12),
                                divisor in 1i64..97) {
            let parts: Vec<_> = cents
                .iter()
                .map(|it| BigRational::new((*it).into(), divisor.into()))
                .collect();
            let total = rounded(&parts.iter().sum(), 2).expect("fits");
            let kept: Decimal = rounded_to_sum(&parts, 2).expect("fits").iter().sum();
            prop_assert_eq!(kept, total);
        }

        #[test]
        fn solutions_solve(rows in (1usize..6).prop_flat_map(|size| {
            prop::collection::vec(prop::collection::vec(-9i64..10, size + 1), size)
        })) {
            let size = rows.len();
            let matrix: Vec<Vec<BigInt>> = rows
                .iter()
                .map(|row| row[..size].iter().map(|it| (*it).into()).collect())
                .collect();
            let right: Vec<BigInt> = rows.iter().map(|row| row[size].into()).collect();
            if let Some((inverse, whole)) = inverse(matrix.clone()) {
                for (index, row) in matrix.iter().enumerate() {
                    for column in 0..size {
                        let product: BigInt =
                            row.iter().zip(&inverse).map(|(cell, of)| cell * &of[column]).sum();
                        let wanted = if column == index { whole.clone() } else { BigInt::zero() };
                        prop_assert_eq!(product, wanted);
                    }
                }
            }
            if let Some(solution) = solve(matrix.clone(), right.clone()) {
                for (row, wanted) in matrix.into_iter().zip(right) {
                    let got: BigRational = row
                        .into_iter()
                        .zip(&solution)
                        .map(|(factor, value)| BigRational::from(factor) * value)
                        .sum();
                    prop_assert_eq!(got, BigRational::from(wanted));
                }
            }
        }
    }
}
