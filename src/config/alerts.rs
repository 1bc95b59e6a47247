//! Section `alerts`: hooks that are told of alerts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Secret;

/// `alerts:`
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// Hooks, each told of every alert.
    pub hooks: Vec<HookConfig>,
}

/// One hook.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// Short id, shown in delivery lists.
    pub id: String,
    /// Address; may hold a token, so it never prints.
    pub url: Secret,
    /// `whsec_…`: base64 of 24 to 64 random bytes.
    pub secret: Secret,
    /// Message format.
    #[serde(default)]
    pub format: HookFormat,
    /// Allows addresses of this machine and of private networks; for hooks inside the clinic.
    #[serde(default)]
    pub allow_private: bool,
}

/// Format of the messages to one hook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookFormat {
    /// Standard Webhooks 1.0.
    #[default]
    Standard,
}
