//! Exact values on the wire. Nothing here passes through a float.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{NaiveDate, SecondsFormat, Utc};

/// A clinic-local calendar day, `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) NaiveDate);

/// An instant in RFC 3339 with its offset; answers are in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) chrono::DateTime<Utc>);

/// An exact decimal number, as a string: `"0.125"`. Numbers are refused as input: JSON numbers
/// lose digits on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) rust_decimal::Decimal);

/// An amount of CNY in fen (1/100 yuan): a 64-bit integer as a string, `"12345"`. Input may also
/// be an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fen(pub(crate) hub_domain::Fen);

fn read<T: Wire>(value: Value) -> InputValueResult<T> {
    T::read(&value).ok_or_else(|| InputValueError::expected_type(value))
}

/// The one reading rule behind both validation and parsing of a scalar.
trait Wire: async_graphql::InputType + Sized {
    /// The value, when `value` is written as this scalar demands.
    fn read(value: &Value) -> Option<Self>;
}

fn text(value: &Value) -> Option<&str> {
    match value {
        // No scalar here has a longer text; longer ones are not worth reading.
        Value::String(text) if text.len() <= 64 => Some(text),
        _ => None,
    }
}

impl Wire for Date {
    fn read(value: &Value) -> Option<Self> {
        let text = text(value)?;
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        // chrono also takes `2026-3-1` and years of five digits.
        (text.len() == "YYYY-MM-DD".len() && day.to_string() == text).then_some(Self(day))
    }
}

impl Wire for DateTime {
    fn read(value: &Value) -> Option<Self> {
        let at = chrono::DateTime::parse_from_rfc3339(text(value)?).ok()?;
        Some(Self(at.with_timezone(&Utc)))
    }
}

impl Wire for Decimal {
    fn read(value: &Value) -> Option<Self> {
        rust_decimal::Decimal::from_str_exact(text(value)?).ok().map(Self)
    }
}

impl Wire for Fen {
    fn read(value: &Value) -> Option<Self> {
        let amount = match value {
            Value::Number(number) => number.as_i64()?,
            other => text(other)?.parse().ok()?,
        };
        Some(Self(hub_domain::Fen(amount)))
    }
}

#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(value)
    }

    fn is_valid(value: &Value) -> bool {
        Self::read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(value)
    }

    fn is_valid(value: &Value) -> bool {
        Self::read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

#[Scalar(name = "Decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(value)
    }

    fn is_valid(value: &Value) -> bool {
        Self::read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.normalize().to_string())
    }
}

#[Scalar(name = "Fen")]
impl ScalarType for Fen {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(value)
    }

    fn is_valid(value: &Value) -> bool {
        Self::read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.0.to_string())
    }
}

impl From<NaiveDate> for Date {
    fn from(day: NaiveDate) -> Self {
        Self(day)
    }
}

impl From<chrono::DateTime<Utc>> for DateTime {
    fn from(at: chrono::DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl From<rust_decimal::Decimal> for Decimal {
    fn from(value: rust_decimal::Decimal) -> Self {
        Self(value)
    }
}

impl From<hub_domain::Fen> for Fen {
    fn from(amount: hub_domain::Fen) -> Self {
        Self(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn money_and_ratios_keep_every_digit() {
        let large = Fen::read(&string("9007199254740993")).expect("beyond 2^53");
        assert_eq!(large.to_value(), string("9007199254740993"));
        assert_eq!(Fen::read(&Value::from(-5)).map(|fen| fen.0.0), Some(-5));
        let third = Decimal::read(&string("0.3333333333333333333333333333")).expect("28 digits");
        assert_eq!(third.to_value(), string("0.3333333333333333333333333333"));
        assert_eq!(Decimal::read(&string("1.500")).map(|d| d.to_value()), Some(string("1.5")));
    }

    #[test]
    fn loose_spellings_are_refused() {
        assert!(Decimal::read(&Value::from(1)).is_none(), "numbers went through a float");
        for wrong in ["2026-3-1", "2026-02-30", "20260301", "+12026-01-01", ""] {
            assert!(Date::read(&string(wrong)).is_none(), "{wrong}");
        }
        assert!(DateTime::read(&string("2026-03-01T00:00:00")).is_none(), "no offset");
        let shifted = DateTime::read(&string("2026-03-01T08:00:00+08:00")).expect("an instant");
        assert_eq!(shifted.to_value(), string("2026-03-01T00:00:00Z"));
        assert!(Fen::read(&string("1.5")).is_none());
    }
}
