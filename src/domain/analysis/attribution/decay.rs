//! Time decay: a touch weighs 2^(−days ÷ half-life), shares of a path add up to one.
//!
//! The roots behind the weights are no fractions, so shares are cut to 20 digits, and what that
//! leaves goes to the last touch, which weighs most. The half-life of seven days is the usual
//! default of the field.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

/// Days after which a touch weighs half.
const HALF_LIFE: u32 = 7;
/// 2^(−r ÷ 7) for r = 0…6, times 10²⁰.
const ROOTS: [&str; 7] = [
    "100000000000000000000",
    "90572366426390667159",
    "82033535600763793117",
    "74299714456847421240",
    "67295009631617806597",
    "60950682710223772046",
    "55204475683690616882",
];
/// Half-lives after which a weight is nothing in 20 digits.
const FORGOTTEN: u32 = 67;

/// Shares of `touches` touches that lie `days` before the conversion; equal ones without days.
pub(super) fn weights(touches: usize, days: &[u32]) -> Vec<BigRational> {
    // What counts is the age against the youngest touch: old paths decay alike.
    let youngest = days.iter().copied().min().unwrap_or(0);
    let weight = |touch: usize| weight(days.get(touch).map_or(0, |days| days - youngest));
    let raw: Vec<BigInt> = (0..touches).map(weight).collect();
    let total: BigInt = raw.iter().sum();
    if total.is_zero() {
        return Vec::new();
    }
    let unit = BigInt::from(10).pow(20);
    let mut parts: Vec<BigInt> = raw.iter().map(|weight| weight * &unit / &total).collect();
    let rest = &unit - parts.iter().sum::<BigInt>();
    if let Some(last) = parts.last_mut() {
        *last += rest;
    }
    parts.into_iter().map(|part| BigRational::new(part, unit.clone())).collect()
}

/// 10²⁰ times 2^(−days ÷ 7).
fn weight(days: u32) -> BigInt {
    let (halvings, rest) = (days / HALF_LIFE, days % HALF_LIFE);
    if halvings >= FORGOTTEN {
        return BigInt::zero();
    }
    let root: BigInt = ROOTS[rest as usize].parse().unwrap_or_default();
    root >> halvings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_halves_the_weight() {
        let shares = weights(2, &[7, 0]);
        let third = BigRational::new(1.into(), 3.into());
        let error = &shares[0] - third;
        assert!(error <= BigRational::new(1.into(), BigInt::from(10).pow(19)));
        assert_eq!(shares.iter().sum::<BigRational>(), BigRational::from(BigInt::from(1)));
    }

    #[test]
    fn seven_roots_make_a_half() {
        // (2^(−1/7))^7 = 1/2, to the digits kept.
        let root = BigRational::new(weight(1), BigInt::from(10).pow(20));
        let half = root.pow(7);
        let error = half - BigRational::new(1.into(), 2.into());
        assert!(
            num_traits::Signed::abs(&error) < BigRational::new(1.into(), BigInt::from(10).pow(18))
        );
        for days in 1..14 {
            assert!(weight(days) < weight(days - 1));
        }
    }

    #[test]
    fn only_differences_count() {
        assert_eq!(weights(3, &[30, 20, 10]), weights(3, &[20, 10, 0]));
        assert_eq!(weights(2, &[]), weights(2, &[4, 4]));
    }
}
