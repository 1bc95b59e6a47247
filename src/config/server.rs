//! Section `server`: where the hub listens and what one request may cost.

use schemars::JsonSchema;
use serde::Deserialize;

/// `server:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port of GraphQL, SQL over HTTP and health.
    pub listen: String,
    /// Limits of one request.
    pub limits: LimitsConfig,
    /// `/metrics` on an address of its own, where it needs no key; without it names are shown on
    /// `listen` to keys of role `group` only.
    pub metrics: Option<MetricsConfig>,
}

/// `server.metrics:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port. Whoever reaches it sees names of sources, tables and sites: choose one
    /// only the monitoring can reach, such as `127.0.0.1:9100`.
    pub listen: String,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned(), limits: LimitsConfig::default(), metrics: None }
    }
}

/// `server.limits:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Longest statement, planning and streaming included, in seconds.
    pub statement_seconds: u64,
    /// Most rows of one answer.
    pub rows: u64,
    /// Most bytes of one answer, in MiB.
    pub answer_mib: u64,
    /// Memory of all statements together, in MiB.
    pub memory_mib: usize,
    /// Memory of the result cache, in MiB.
    pub cache_mib: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            statement_seconds: 30,
            rows: 50_000,
            answer_mib: 64,
            memory_mib: 1_024,
            cache_mib: 128,
        }
    }
}
