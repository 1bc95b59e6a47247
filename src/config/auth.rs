//! Section `auth`: who may sign in.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Secret;

/// `auth:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Whether API keys sign in (`clinichub keys create`).
    pub api_keys: bool,
    /// Key of the pseudonyms that stand for phones and id numbers in the lake, at least 16
    /// characters. Changing it orphans the pseudonyms already stored: rebuild afterwards.
    pub pseudonym_key: Option<Secret>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { api_keys: true, pseudonym_key: None }
    }
}
