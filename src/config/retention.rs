//! Sections `lake.retention` and `nightly.upkeep`: what is kept how long, and when it is tidied.

use std::time::Duration;

use chrono::TimeDelta;
use hub_lake::upkeep::Retention;
use hub_pipeline::extract::Span;
use schemars::JsonSchema;
use serde::Deserialize;

/// `lake.retention:`
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// How long published snapshots can be read and rolled back to.
    pub snapshots: Span,
    /// So many of the newest are kept, however old; at least 1.
    pub keep_last: usize,
    /// How long a file stays after the last kept snapshot let go of it: the longest read.
    pub grace: Span,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { snapshots: Span::hours(30 * 24), keep_last: 7, grace: Span::hours(24) }
    }
}

impl RetentionConfig {
    /// Which snapshots are kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { snapshots: span(self.snapshots), keep_last: self.keep_last.max(1) }
    }

    /// How long unreferenced files stay.
    #[must_use]
    pub fn grace(&self) -> TimeDelta {
        span(self.grace)
    }
}

/// A span beyond a thousand years is for ever.
fn span(span: Span) -> TimeDelta {
    let days = i64::try_from(span.seconds() / 86_400).unwrap_or(i64::MAX).min(365_000);
    let rest = i64::try_from(span.seconds() % 86_400).unwrap_or_default();
    TimeDelta::days(days) + TimeDelta::seconds(rest)
}

/// `nightly.upkeep:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpkeepConfig {
    /// Minutes it may take after a published night; what is left is done in the next one.
    pub minutes: u32,
}

impl Default for UpkeepConfig {
    fn default() -> Self {
        Self { minutes: 30 }
    }
}

impl UpkeepConfig {
    /// Wall time it may take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_retention_is_taken_at_its_word() {
        let config: RetentionConfig =
            serde_saphyr::from_str("{ snapshots: 14d, keep_last: 0, grace: 90m }").expect("read");
        assert_eq!(config.retention().snapshots, TimeDelta::days(14));
        assert_eq!(config.retention().keep_last, 1, "the newest always stays");
        assert_eq!(config.grace(), TimeDelta::minutes(90));
        let config: RetentionConfig = serde_saphyr::from_str("{}").expect("read");
        assert_eq!(config.retention().snapshots, TimeDelta::days(30));
        assert_eq!((config.keep_last, config.grace()), (7, TimeDelta::hours(24)));
    }
}
