//! Spans of time as people write them: `2d`, `6h`, `30m`, `45s`; and lags, which may be numbers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

const SECONDS_PER: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A span of time, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    seconds: u64,
}

impl Span {
    /// A span of whole hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self { seconds: hours * 3_600 }
    }

    /// A span of seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self { seconds }
    }

    /// The span in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// The span in µs, at most `i64::MAX`.
    #[must_use]
    pub fn micros(self) -> i64 {
        i64::try_from(self.seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000)
    }

    fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, factor) = SECONDS_PER.iter().find(|(name, _)| *name == unit)?;
        let count: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
        Some(Self { seconds: count.checked_mul(*factor)? })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no span of time; write `2d`, `6h`, `30m` or `45s`"
            ))
        })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of time: `2d`, `6h`, `30m`, `45s`.",
            "type": "string",
            "pattern": "^[0-9]+[dhms]$"
        })
    }
}

/// How far behind the newest cursor value a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// For timestamp and date cursors; a date cursor steps back whole days, rounded up.
    Time(Span),
    /// For int64 cursors.
    Steps(u32),
}

impl Default for Lag {
    fn default() -> Self {
        Self::Time(Span::default())
    }
}

impl<'de> Deserialize<'de> for Lag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Lag;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a span of time such as `2d`, or a number")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Lag, E> {
                u32::try_from(value).map(Lag::Steps).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Lag, E> {
                u32::try_from(value).map(Lag::Steps).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Lag, E> {
                Span::parse(text).map(Lag::Time).ok_or_else(|| {
                    E::custom(format!("`{text}` is no lag; write `2d`, `6h` or a number"))
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Lag {
    fn schema_name() -> Cow<'static, str> {
        "Lag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of time (`2d`, `6h`), or a number for an int64 cursor.",
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+[dhms]$" },
                { "type": "integer", "minimum": 0 }
            ]
        })
    }
}
