//! `schema:` of a table: what happens when the source's columns change, as one word or per kind
//! of change.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a changed column does to its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaMode {
    /// The table loads with a notice.
    #[default]
    Evolve,
    /// The table stays as it was landed last; the others load.
    Freeze,
    /// Rows with a value that is new or does not fit go to quarantine.
    DiscardRow,
    /// The value is left out: a new column is not landed, a misfit value lands as NULL.
    DiscardValue,
}

/// What a change does that has no values to discard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// The table loads with a notice.
    Evolve,
    /// The table stays as it was landed last; the others load.
    Freeze,
}

/// What each kind of change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaPolicy {
    /// A column that was not there before.
    pub added: SchemaMode,
    /// A column that is gone.
    pub dropped: Tolerance,
    /// A column gone and another of its type new in the same night.
    pub renamed: Tolerance,
    /// A column whose type cannot deliver what it held before.
    pub retyped: SchemaMode,
    /// A column that allows NULL and did not, or the other way round.
    pub nullability: Tolerance,
    /// The contract is the exact list of columns, from the first night on.
    pub(in super::super) exact: bool,
}

impl Default for SchemaPolicy {
    fn default() -> Self {
        Self {
            added: SchemaMode::Evolve,
            dropped: Tolerance::Freeze,
            renamed: Tolerance::Freeze,
            retyped: SchemaMode::Freeze,
            nullability: Tolerance::Evolve,
            exact: false,
        }
    }
}

impl From<SchemaMode> for SchemaPolicy {
    fn from(mode: SchemaMode) -> Self {
        let exact = mode == SchemaMode::Freeze;
        let tolerance = if exact { Tolerance::Freeze } else { Tolerance::Evolve };
        Self {
            added: mode,
            dropped: tolerance,
            renamed: tolerance,
            retyped: mode,
            nullability: tolerance,
            exact,
        }
    }
}

/// The map form.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Kinds {
    /// A column that was not there before; `evolve` when absent. Without a contract it lands; a
    /// contract that does not name it leaves it out.
    #[serde(default)]
    added: Option<SchemaMode>,
    /// A column that is gone; `freeze` when absent. Under `evolve` it lands as NULL.
    #[serde(default)]
    dropped: Option<Tolerance>,
    /// A column gone and another of its type new in the same night; `freeze` when absent.
    #[serde(default)]
    renamed: Option<Tolerance>,
    /// A column whose new type cannot deliver the declared one; `freeze` when absent.
    #[serde(default)]
    retyped: Option<SchemaMode>,
    /// A column that allows NULL and did not, or the other way round; `evolve` when absent.
    #[serde(default)]
    nullability: Option<Tolerance>,
}

impl From<Kinds> for SchemaPolicy {
    fn from(kinds: Kinds) -> Self {
        let default = Self::default();
        Self {
            added: kinds.added.unwrap_or(default.added),
            dropped: kinds.dropped.unwrap_or(default.dropped),
            renamed: kinds.renamed.unwrap_or(default.renamed),
            retyped: kinds.retyped.unwrap_or(default.retyped),
            nullability: kinds.nullability.unwrap_or(default.nullability),
            exact: false,
        }
    }
}

impl<'de> Deserialize<'de> for SchemaPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SchemaPolicy;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`evolve`, `freeze`, `discard_row`, `discard_value`, or a map of kinds")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<SchemaPolicy, E> {
                SchemaMode::deserialize(StrDeserializer::new(word)).map(SchemaPolicy::from)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemaPolicy, A::Error> {
                Kinds::deserialize(MapAccessDeserializer::new(map)).map(SchemaPolicy::from)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for SchemaPolicy {
    fn schema_name() -> Cow<'static, str> {
        "SchemaPolicy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<SchemaMode>();
        let kinds = generator.subschema_for::<Kinds>();
        json_schema!({
            "description": "What happens when the source's columns change: one word for every \
                kind of change, or a word per kind. A key or cursor column that is dropped, \
                renamed or retyped always freezes the table.",
            "anyOf": [word, kinds]
        })
    }
}
