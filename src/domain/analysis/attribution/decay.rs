//! Time decay: a touch weighs 2^(−days ÷ half-life), shares of a path add up to one.
//!
//! The roots behind the weights are no fractions, so shares are cut to 18 digits, and what that
//! leaves goes to the last touch, which weighs most. The half-life of seven days is the usual
//! default of the field.

/// Days after which a touch weighs half.
const HALF_LIFE: u32 = 7;
/// 10¹⁸: a whole, and what a touch of the youngest day weighs.
const UNIT: u128 = 1_000_000_000_000_000_000;
/// 2^(−r ÷ 7) for r = 0…6, in units.
const ROOTS: [u128; 7] = [
    UNIT,
    905_723_664_263_906_671,
    820_335_356_007_637_931,
    742_997_144_568_474_212,
    672_950_096_316_178_065,
    609_506_827_102_237_720,
    552_044_756_836_906_168,
];

/// Weights of `touches` touches that lie `days` before the conversion, equal ones without days;
/// and their sum.
pub(super) fn weights(touches: usize, days: &[u32]) -> (Vec<u128>, u128) {
    // What counts is the age against the youngest touch: old paths decay alike.
    let youngest = days.iter().copied().min().unwrap_or(0);
    let weight = |touch: usize| weight(days.get(touch).map_or(0, |days| days - youngest));
    let raw: Vec<u128> = (0..touches).map(weight).collect();
    // The youngest touch weighs a unit: the sum is none of nothing. Products stay below 10³⁶.
    let total: u128 = raw.iter().sum::<u128>().max(1);
    let mut parts: Vec<u128> = raw.iter().map(|weight| weight * UNIT / total).collect();
    let rest = UNIT - parts.iter().sum::<u128>();
    if let Some(last) = parts.last_mut() {
        *last += rest;
    }
    (parts, UNIT)
}

/// 2^(−days ÷ 7) in units.
fn weight(days: u32) -> u128 {
    ROOTS[(days % HALF_LIFE) as usize].checked_shr(days / HALF_LIFE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_halves_the_weight() {
        let (shares, whole) = weights(2, &[7, 0]);
        assert!(shares[0].abs_diff(whole / 3) <= 1);
        assert_eq!(shares.iter().sum::<u128>(), whole);
    }

    #[test]
    fn seven_roots_make_a_half() {
        // (2^(−1/7))^7 = 1/2, to the digits kept.
        let root = weight(1);
        let half = (1..7).fold(root, |product, _| product * root / UNIT);
        assert!(half.abs_diff(UNIT / 2) < 10, "{half}");
        for days in 1..1_000 {
            assert!(weight(days) <= weight(days - 1));
        }
        assert_eq!(weight(7 * 128), 0);
    }

    #[test]
    fn only_differences_count() {
        assert_eq!(weights(3, &[30, 20, 10]), weights(3, &[20, 10, 0]));
        assert_eq!(weights(2, &[]), weights(2, &[4, 4]));
    }
}
