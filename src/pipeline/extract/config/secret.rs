//! A source's address. It may hold a password, so it does not print.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Address of a database.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SourceUrl(String);

impl SourceUrl {
    /// Wraps an address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address, password included; for drivers only.
    pub(in super::super) fn reveal(&self) -> &str {
        &self.0
    }

    /// The file of `sqlite://./his.db`, `sqlite:his.db` or `file:his.db`.
    pub(super) fn sqlite_path(&self) -> Option<PathBuf> {
        let rest = ["sqlite://", "sqlite:", "file://", "file:"]
            .iter()
            .find_map(|scheme| self.0.strip_prefix(scheme))?;
        let path = rest.split(['?', '#']).next().unwrap_or(rest);
        (!path.is_empty()).then(|| PathBuf::from(path))
    }
}

impl std::fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceUrl(…)")
    }
}

impl JsonSchema for SourceUrl {
    fn schema_name() -> Cow<'static, str> {
        "SourceUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Address of a database; take secrets from `${NAME}`.",
            "type": "string"
        })
    }
}
