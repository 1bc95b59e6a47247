//! Section `nightly`: when the job runs and how hard it works.

use schemars::JsonSchema;
use serde::Deserialize;

use super::retention::UpkeepConfig;

/// `nightly:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NightlyConfig {
    /// Five-field cron expression in the deployment's zone; no schedule when absent.
    pub cron: Option<String>,
    /// Tables built at the same time.
    pub build_threads: usize,
    /// Memory the build may use before it spills, in MiB.
    pub memory_mib: usize,
    /// Upkeep of the lake after a published night; none when absent.
    pub upkeep: Option<UpkeepConfig>,
}

impl Default for NightlyConfig {
    fn default() -> Self {
        Self { cron: None, build_threads: 2, memory_mib: 2_048, upkeep: None }
    }
}
