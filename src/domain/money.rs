//! Money as integer fen (1/100 yuan). No float ever touches an amount.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An amount of CNY in fen; negative amounts are corrections.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Fen(pub i64);

impl Fen {
    /// The same amount in yuan with two decimals.
    #[must_use]
    pub fn yuan(self) -> Decimal {
        Decimal::new(self.0, 2)
    }
}

impl std::ops::Add for Fen {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::iter::Sum for Fen {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self(0), |total, amount| total + amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_keeps_two_decimals() {
        assert_eq!(Fen(12_345).yuan().to_string(), "123.45");
        assert_eq!(Fen(-5).yuan().to_string(), "-0.05");
    }
}
