//! What the engine is told by its owner: zone, key, limits. Reads no environment and no file.

use std::time::Duration;

use chrono_tz::Tz;
use hub_domain::freshness::Expectations;
use hub_domain::site_day::SiteDays;

const MIB: usize = 1024 * 1024;

/// Settings of one engine. Every limit holds per process unless it says otherwise.
#[derive(Clone)]
pub struct EngineConfig {
    /// Zone in which clinic-local days are cut.
    pub zone: Tz,
    /// Sites that cut their days otherwise, by code.
    pub sites: SiteDays,
    /// Key of [`crate::udf::pseudonym`]; never printed.
    pub pseudonym_key: Vec<u8>,
    /// Memory shared by all running queries, in bytes.
    pub memory_bytes: usize,
    /// Disk shared by all spilling queries, in bytes.
    pub spill_bytes: u64,
    /// Longest time from the start of planning to the last row of one statement.
    pub deadline: Duration,
    /// Most rows one user statement may return.
    pub max_rows: u64,
    /// Most bytes (Arrow buffers) one user statement may return.
    pub max_bytes: u64,
    /// Partitions one query is split into.
    pub target_partitions: usize,
    /// Bytes the result cache of the readers may hold.
    pub cache_bytes: u64,
    /// User statements that run at once; as many again times four may wait.
    pub concurrent_queries: usize,
    /// How new landed tables should be.
    pub expectations: Expectations,
}

impl EngineConfig {
    /// Settings for a small machine: 2 GiB memory, 30 s, 50 000 rows, 64 MiB answers.
    #[must_use]
    pub fn new(zone: Tz, pseudonym_key: Vec<u8>) -> Self {
        Self {
            zone,
            sites: SiteDays::default(),
            pseudonym_key,
            memory_bytes: 2048 * MIB,
            spill_bytes: 8 * 1024 * MIB as u64,
            deadline: Duration::from_secs(30),
            max_rows: 50_000,
            max_bytes: 64 * MIB as u64,
            target_partitions: 2,
            cache_bytes: 128 * MIB as u64,
            concurrent_queries: 4,
            expectations: Expectations::default(),
        }
    }
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineConfig")
            .field("zone", &self.zone)
            .field("pseudonym_key", &"***")
            .field("memory_bytes", &self.memory_bytes)
            .field("deadline", &self.deadline)
            .field("max_rows", &self.max_rows)
            .field("max_bytes", &self.max_bytes)
            .field("target_partitions", &self.target_partitions)
            .field("concurrent_queries", &self.concurrent_queries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_never_prints() {
        let config = EngineConfig::new(chrono_tz::Asia::Shanghai, b"canary-key".to_vec());
        assert!(!format!("{config:?}").contains("canary"));
    }
}
