//! Section `quarantine`: what is kept of refused rows, and how many a night may have.

use std::sync::Arc;

use hub_pipeline::extract::Sealer;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Secret;

/// `quarantine:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineConfig {
    /// Key that seals the cells of refused rows, at least 16 characters. Without one only reason,
    /// column and key are kept, and no row can be retried.
    pub key: Option<Secret>,
    /// Keys of before; rows sealed with them still open.
    pub previous_keys: Vec<Secret>,
    /// Largest share of the rows of one load that may be refused, from 0 to 1; more is not
    /// published. `max_quarantine` of a source or table wins over it.
    pub max_share: f64,
}

impl Default for QuarantineConfig {
    fn default() -> Self {
        Self { key: None, previous_keys: Vec::new(), max_share: 0.005 }
    }
}

impl QuarantineConfig {
    /// What seals and opens rows; none without a key.
    #[must_use]
    pub fn sealer(&self) -> Option<Arc<Sealer>> {
        let previous = self.previous_keys.iter().map(Secret::expose);
        self.key.as_ref().map(|key| Arc::new(Sealer::new(key.expose(), previous)))
    }

    /// What can be said against it: what is wrong, and what to do.
    pub(super) fn faults(&self, letters: usize) -> Vec<(String, &'static str)> {
        let mut faults = Vec::new();
        let short = |key: &Secret| key.expose().chars().count() < letters;
        if self.key.as_ref().is_some_and(short) {
            let what = format!("`quarantine.key` has fewer than {letters} characters");
            faults.push((what, "set it to random characters, such as `${HUB_QUARANTINE_KEY}`"));
        }
        if self.previous_keys.iter().any(short) {
            let what =
                format!("a key of `quarantine.previous_keys` has fewer than {letters} characters");
            faults.push((what, "list keys as they were set in `quarantine.key`"));
        }
        if self.key.is_none() && !self.previous_keys.is_empty() {
            let what = "`quarantine.previous_keys` without `quarantine.key`".to_owned();
            faults.push((what, "set `quarantine.key`; the old one may stay"));
        }
        if !(0.0..=1.0).contains(&self.max_share) {
            let what = format!("`quarantine.max_share` is `{}`", self.max_share);
            faults.push((what, "write a share from 0 to 1, such as 0.005 for 0.5 %"));
        }
        faults
    }
}
