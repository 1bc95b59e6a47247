//! What values are counted in, and what follows from it for computed ones.

use serde::Deserialize;

use super::expression::{Arithmetic, Expression, Function};

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things.
    Count,
    /// Integer fen.
    Fen,
    /// Plain quotient; boards show it as a percentage.
    Ratio,
    /// Per thousand: the quotient is already multiplied by 1000.
    Permille,
    /// −100…100: the quotient is already multiplied by 100.
    Score,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Neither.
    Neutral,
}

/// Powers of fen, minute, hour and day in a computed value; numbers of things have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units([i32; 4]);

impl From<Unit> for Units {
    fn from(unit: Unit) -> Self {
        let mut powers = [0; 4];
        match unit {
            Unit::Fen => powers[0] = 1,
            Unit::Minute => powers[1] = 1,
            Unit::Hour => powers[2] = 1,
            Unit::Day => powers[3] = 1,
            Unit::Count | Unit::Ratio | Unit::Permille | Unit::Score => {}
        }
        Self(powers)
    }
}

impl Units {
    /// Units of an expression whose metrics have the units `find` gives; none when it adds values
    /// of different units.
    pub fn of<L>(expression: &Expression<L>, find: &impl Fn(&L) -> Option<Units>) -> Option<Self> {
        match expression {
            Expression::Metric(leaf) => find(leaf),
            Expression::Number(_) => Some(Self::default()),
            Expression::Negative(inner) | Expression::Rounded(inner) => Self::of(inner, find),
            Expression::Apply { operator, left, right } => {
                let (left, right) = (Self::of(left, find)?, Self::of(right, find)?);
                match operator {
                    Arithmetic::Add | Arithmetic::Subtract => (left == right).then_some(left),
                    Arithmetic::Multiply => Some(left.joined(right, 1)),
                    Arithmetic::Divide => Some(left.joined(right, -1)),
                }
            }
            Expression::Call { function: Function::Abs, arguments } => {
                Self::of(arguments.first()?, find)
            }
            Expression::Call { arguments, .. } => {
                // A number fills a gap of anything.
                let mut found = arguments
                    .iter()
                    .filter(|argument| !matches!(argument, Expression::Number(_)))
                    .map(|argument| Self::of(argument, find));
                let first = found.next()??;
                found.all(|units| units == Some(first)).then_some(first)
            }
        }
    }

    fn joined(self, other: Self, sign: i32) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + sign * other.0[i]))
    }

    /// Those of `self ÷ other`.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        self.joined(other, -1)
    }

    /// Whether a metric of `unit` may have these: its own unit once, others only below the line
    /// (fen per hour is in fen). A ratio, permille or score has none at all.
    #[must_use]
    pub fn fit(self, unit: Unit) -> bool {
        let left = self.over(Self::from(unit));
        match unit {
            Unit::Ratio | Unit::Permille | Unit::Score => left == Self::default(),
            _ => {
                let own = Self::from(unit);
                (0..4).all(|i| if own.0[i] == 1 { left.0[i] == 0 } else { left.0[i] <= 0 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_from_inputs() {
        let find = |id: &String| {
            Some(Units::from(match id.as_str() {
                "cash" => Unit::Fen,
                "hours" => Unit::Hour,
                _ => Unit::Count,
            }))
        };
        let units = |text: &str| Units::of(&Expression::parse(text).expect("parses"), &find);
        assert!(units("cash / visits").is_some_and(|it| it.fit(Unit::Fen)));
        assert!(units("cash / hours").is_some_and(|it| it.fit(Unit::Fen)));
        assert!(units("cash / cash").is_some_and(|it| it.fit(Unit::Ratio)));
        assert!(units("visits * cash / cash").is_some_and(|it| it.fit(Unit::Count)));
        assert!(units("coalesce(cash, 0)").is_some_and(|it| it.fit(Unit::Fen)));
        assert!(units("cash / visits").is_some_and(|it| !it.fit(Unit::Ratio)));
        assert!(units("cash * cash").is_some_and(|it| !it.fit(Unit::Fen)));
        assert_eq!(units("cash + visits"), None);
        assert_eq!(units("cash + 1"), None);
    }
}
