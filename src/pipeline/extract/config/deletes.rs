//! `deletes:` of a table: a word, or a map with one word as its key.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Span;

/// How rows deleted at the source are found.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Deletes {
    /// They are not, except where rows are read whole: a full read, a re-read.
    #[default]
    None,
    /// By comparing all keys at the source with all current keys landed.
    Scan,
    /// By comparing the keys of a window that ends open.
    ScanWindow(ScanConfig),
    /// By a column that marks them.
    Flag(FlagConfig),
}

/// Where a key scan looks.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanConfig {
    /// How far before the end of the business day the window begins, such as `90d`.
    pub window: Span,
    /// A timestamp or date column of the table: rows whose value lies in the window are compared.
    pub column: String,
}

/// A column that marks deleted rows.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagConfig {
    /// The column.
    pub column: String,
    /// Its value on deleted rows.
    pub value: FlagValue,
}

/// A scalar in the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FlagValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for FlagValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Detailed {
    Scan(ScanConfig),
    Flag(FlagConfig),
}

impl<'de> Deserialize<'de> for Deletes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Deletes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`none`, `scan`, `scan: {window, column}` or `flag: {column, value}`")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Deletes, E> {
                match word {
                    "none" => Ok(Deletes::None),
                    "scan" => Ok(Deletes::Scan),
                    other => Err(E::unknown_variant(other, &["none", "scan", "flag"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Deletes, A::Error> {
                Ok(match Detailed::deserialize(MapAccessDeserializer::new(map))? {
                    Detailed::Scan(scan) => Deletes::ScanWindow(scan),
                    Detailed::Flag(flag) => Deletes::Flag(flag),
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Deletes {
    fn schema_name() -> Cow<'static, str> {
        "Deletes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let scan = generator.subschema_for::<ScanConfig>();
        let flag = generator.subschema_for::<FlagConfig>();
        json_schema!({
            "description": "How rows deleted at the source are found: `none` (only where rows \
                are read whole), `scan` (all keys are compared), `scan` with a window (keys of \
                the window are compared), or `flag` (a column marks them).",
            "anyOf": [
                { "type": "string", "enum": ["none", "scan"] },
                { "type": "object", "additionalProperties": false, "required": ["scan"],
                  "properties": { "scan": scan } },
                { "type": "object", "additionalProperties": false, "required": ["flag"],
                  "properties": { "flag": flag } }
            ]
        })
    }
}
