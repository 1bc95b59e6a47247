//! Formulas over metrics, such as `(a - b) / c * 12`, and their exact arithmetic.
//!
//! Owns the grammar and what every operation gives: nothing known stays nothing known, a division
//! by zero gives nothing. Must not know where the values of metrics come from.

use rust_decimal::{Decimal, RoundingStrategy};

/// Decimals of a quotient, wherever it is shown.
pub const QUOTIENT_DECIMALS: u32 = 12;

/// A quotient as every door shows it: 12 decimals, halves away from zero.
#[must_use]
pub fn rounded(value: Decimal) -> Decimal {
    value
        .round_dp_with_strategy(QUOTIENT_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
        .normalize()
}

/// A value beyond 28 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value is out of range")]
pub struct OutOfRange;

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; nothing when the divisor is zero.
    Divide,
}

/// Functions a formula may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Without its sign.
    Abs,
    /// The first argument that is known.
    Coalesce,
    /// The smallest; nothing when one is unknown.
    Least,
    /// The largest; nothing when one is unknown.
    Greatest,
}

/// A formula over leaves `L`: ids of metrics as written, aggregated inputs once resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expression<L = String> {
    /// A metric.
    Metric(L),
    /// A constant.
    Number(Decimal),
    /// `-x`
    Negative(Box<Self>),
    /// Rounded to [`QUOTIENT_DECIMALS`], as the value of another metric is.
    Rounded(Box<Self>),
    /// `x + y` and its like.
    Apply {
        /// Operation.
        operator: Arithmetic,
        /// Left operand.
        left: Box<Self>,
        /// Right operand.
        right: Box<Self>,
    },
    /// `abs(x)` and its like.
    Call {
        /// Function.
        function: Function,
        /// Arguments.
        arguments: Vec<Self>,
    },
}

impl<L> Expression<L> {
    /// `left operator right`.
    #[must_use]
    pub fn apply(operator: Arithmetic, left: Self, right: Self) -> Self {
        Self::Apply { operator, left: Box::new(left), right: Box::new(right) }
    }

    /// Every leaf, in order of appearance.
    #[must_use]
    pub fn leaves(&self) -> Vec<&L> {
        let mut leaves = Vec::new();
        self.collect(&mut leaves);
        leaves
    }

    fn collect<'a>(&'a self, leaves: &mut Vec<&'a L>) {
        match self {
            Self::Metric(leaf) => leaves.push(leaf),
            Self::Number(_) => {}
            Self::Negative(inner) | Self::Rounded(inner) => inner.collect(leaves),
            Self::Apply { left, right, .. } => {
                left.collect(leaves);
                right.collect(leaves);
            }
            Self::Call { arguments, .. } => {
                arguments.iter().for_each(|argument| argument.collect(leaves));
            }
        }
    }

    /// Whether it only adds and subtracts metrics: then values of disjoint rows add as its leaves
    /// do, and nothing is ever rounded.
    #[must_use]
    pub fn is_sum(&self) -> bool {
        match self {
            Self::Metric(_) => true,
            Self::Negative(inner) => inner.is_sum(),
            Self::Apply { operator: Arithmetic::Add | Arithmetic::Subtract, left, right } => {
                left.is_sum() && right.is_sum()
            }
            _ => false,
        }
    }

    /// The same formula with every leaf replaced.
    ///
    /// # Errors
    /// The first failure of `replace`.
    pub fn bind<M, E>(
        &self,
        replace: &mut impl FnMut(&L) -> Result<Expression<M>, E>,
    ) -> Result<Expression<M>, E> {
        Ok(match self {
            Self::Metric(leaf) => replace(leaf)?,
            Self::Number(number) => Expression::Number(*number),
            Self::Negative(inner) => Expression::Negative(Box::new(inner.bind(replace)?)),
            Self::Rounded(inner) => Expression::Rounded(Box::new(inner.bind(replace)?)),
            Self::Apply { operator, left, right } => {
                Expression::apply(*operator, left.bind(replace)?, right.bind(replace)?)
            }
            Self::Call { function, arguments } => {
                let bound: Result<Vec<_>, E> =
                    arguments.iter().map(|argument| argument.bind(replace)).collect();
                Expression::Call { function: *function, arguments: bound? }
            }
        })
    }

    /// The value; none where a leaf has none or a divisor is zero.
    ///
    /// # Errors
    /// A value beyond 28 digits.
    pub fn evaluate(
        &self,
        find: &impl Fn(&L) -> Option<Decimal>,
    ) -> Result<Option<Decimal>, OutOfRange> {
        match self {
            Self::Metric(leaf) => Ok(find(leaf)),
            Self::Number(number) => Ok(Some(*number)),
            Self::Negative(inner) => Ok(inner.evaluate(find)?.map(|value| -value)),
            Self::Rounded(inner) => Ok(inner.evaluate(find)?.map(rounded)),
            Self::Apply { operator, left, right } => {
                match (left.evaluate(find)?, right.evaluate(find)?) {
                    (Some(left), Some(right)) => operator.apply(left, right),
                    _ => Ok(None),
                }
            }
            Self::Call { function, arguments } => {
                let values: Result<Vec<_>, _> =
                    arguments.iter().map(|argument| argument.evaluate(find)).collect();
                Ok(function.apply(&values?))
            }
        }
    }
}

impl Arithmetic {
    fn apply(self, left: Decimal, right: Decimal) -> Result<Option<Decimal>, OutOfRange> {
        let value = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide if right.is_zero() => return Ok(None),
            Self::Divide => left.checked_div(right),
        };
        value.map(Some).ok_or(OutOfRange)
    }
}

impl Function {
    fn apply(self, values: &[Option<Decimal>]) -> Option<Decimal> {
        let known = || values.iter().copied().collect::<Option<Vec<Decimal>>>();
        match self {
            Self::Abs => values.first().copied().flatten().map(|value| value.abs()),
            Self::Coalesce => values.iter().flatten().next().copied(),
            Self::Least => known()?.into_iter().min(),
            Self::Greatest => known()?.into_iter().max(),
        }
    }

    fn of(name: &str) -> Option<Self> {
        match name {
            "abs" => Some(Self::Abs),
            "coalesce" => Some(Self::Coalesce),
            "least" => Some(Self::Least),
            "greatest" => Some(Self::Greatest),
            _ => None,
        }
    }
}

impl Expression<String> {
    /// Reads a formula: metric ids, numbers, `+ - * /`, parentheses, and the functions `abs`,
    /// `coalesce`, `least` and `greatest`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, tokens: tokens(text)?, next: 0 };
        let expression = reader.sum(0)?;
        match reader.take() {
            None => Ok(expression),
            Some(token) => Err(format!("`{token}` is not expected there in `{text}`")),
        }
    }
}

/// Deepest nesting of parentheses.
const DEEPEST: u32 = 32;

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<String>,
    next: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).map(String::as_str)
    }

    fn take(&mut self) -> Option<String> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let found = self.peek() == Some(wanted);
        self.next += usize::from(found);
        found
    }

    fn sum(&mut self, depth: u32) -> Result<Expression, String> {
        let mut left = self.product(depth)?;
        loop {
            let operator = match self.peek() {
                Some("+") => Arithmetic::Add,
                Some("-") => Arithmetic::Subtract,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Expression::apply(operator, left, self.product(depth)?);
        }
    }

    fn product(&mut self, depth: u32) -> Result<Expression, String> {
        let mut left = self.operand(depth)?;
        loop {
            let operator = match self.peek() {
                Some("*") => Arithmetic::Multiply,
                Some("/") => Arithmetic::Divide,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Expression::apply(operator, left, self.operand(depth)?);
        }
    }

    fn operand(&mut self, depth: u32) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("the formula is nested too deeply".to_owned());
        }
        let text = self.text;
        let Some(token) = self.take() else { return Err(format!("`{text}` ends too early")) };
        match token.as_str() {
            "-" => Ok(Expression::Negative(Box::new(self.operand(depth + 1)?))),
            "(" => {
                let inner = self.sum(depth + 1)?;
                if self.takes(")") { Ok(inner) } else { Err(format!("`)` is missing in `{text}`")) }
            }
            _ if token.starts_with(|c: char| c.is_ascii_digit()) => token
                .parse()
                .map(Expression::Number)
                .map_err(|_| format!("`{token}` in `{text}` is not a number")),
            _ if token.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                if self.takes("(") {
                    self.call(&token, depth)
                } else {
                    Ok(Expression::Metric(token))
                }
            }
            _ => Err(format!("`{token}` is not expected there in `{text}`")),
        }
    }

    fn call(&mut self, name: &str, depth: u32) -> Result<Expression, String> {
        let Some(function) = Function::of(name) else {
            return Err(format!(
                "`{name}` is no function; known are abs, coalesce, least and greatest"
            ));
        };
        let mut arguments = vec![self.sum(depth + 1)?];
        while self.takes(",") {
            arguments.push(self.sum(depth + 1)?);
        }
        if !self.takes(")") {
            return Err(format!("`)` is missing in `{}`", self.text));
        }
        match (function, arguments.len()) {
            (Function::Abs, 1) => {}
            (Function::Abs, _) => return Err("`abs` takes one argument".to_owned()),
            (_, 0 | 1) => return Err(format!("`{name}` takes two or more arguments")),
            _ => {}
        }
        Ok(Expression::Call { function, arguments })
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = false;
    for c in text.chars() {
        let part = c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if part && word {
            if let Some(last) = tokens.last_mut() {
                last.push(c);
            }
        } else if part || "+-*/(),".contains(c) {
            tokens.push(c.to_string());
        } else if !c.is_whitespace() {
            return Err(format!("`{c}` is not expected in `{text}`"));
        }
        word = part;
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<Decimal> {
        let find = |id: &String| match id.as_str() {
            "a" => Some(Decimal::from(6)),
            "b" => Some(Decimal::from(4)),
            "zero" => Some(Decimal::ZERO),
            _ => None,
        };
        Expression::parse(text).expect("parses").evaluate(&find).expect("in range")
    }

    #[test]
    fn formulas_follow_school_rules() {
        let cases = [
            ("a - b - 1", Some("1")),
            ("a + b * 2", Some("14")),
            ("(a + b) * 2", Some("20")),
            ("-a / b", Some("-1.5")),
            ("a / b / 2", Some("0.75")),
            ("a / zero", None),
            ("a + unknown", None),
            ("coalesce(unknown, a / zero, 3)", Some("3")),
            ("abs(b - a) + greatest(a, b, 1) - least(a, b)", Some("4")),
            ("0.25 * a", Some("1.5")),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|text| text.parse::<Decimal>().expect("a number"));
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_formula() {
        for wrong in
            ["", "a b", "a +", "a + * b", "+", "(a", "a)", "abs(a, b)", "sum(a)", "1.2.3", "a ; b"]
        {
            assert!(Expression::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Expression::parse(&"(".repeat(100_000)).is_err(), "depth is bounded");
        assert!(Expression::parse(&"-".repeat(100_000)).is_err(), "depth is bounded");
    }

    #[test]
    fn sums_are_told_from_the_rest() {
        let is_sum = |text| Expression::parse(text).expect("parses").is_sum();
        assert!(is_sum("-a + b - c"));
        assert!(!is_sum("a / b") && !is_sum("a + 1") && !is_sum("abs(a)"));
    }
}
