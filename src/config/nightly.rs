//! Section `nightly`: when the job runs and how hard it works.

use hub_pipeline::extract::Span;
use schemars::JsonSchema;
use serde::Deserialize;

use super::retention::UpkeepConfig;

/// Terms of a lease that can be renewed in time, and that somebody can wait for.
const TERMS: std::ops::RangeInclusive<Span> = Span::of_seconds(1)..=Span::hours(24);
/// Longest grace of a missed start.
const GRACE: Span = Span::hours(24 * 366);

/// `nightly:`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NightlyConfig {
    /// Five-field cron expression in the deployment's zone; no schedule when absent. A time the
    /// zone skips starts at the first moment after the gap; one that repeats starts once.
    pub cron: Option<String>,
    /// What becomes of a start that was missed because no process was up.
    pub missed: Missed,
    /// How late a missed start is still made up for; older ones are passed over.
    pub grace: Span,
    /// How long a writer keeps the right to write without renewing it: so long others wait after
    /// one died out of their sight.
    pub lease: Span,
    /// Tables built at the same time.
    pub build_threads: usize,
    /// Memory the build may use before it spills, in MiB.
    pub memory_mib: usize,
    /// Upkeep of the lake after a published night; none when absent.
    pub upkeep: Option<UpkeepConfig>,
}

/// What becomes of a start that was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The newest one within the grace runs at once, and makes up for those before it.
    #[default]
    RunOnce,
    /// It is passed over; the next night makes up for it.
    Skip,
}

impl Default for NightlyConfig {
    fn default() -> Self {
        Self {
            cron: None,
            missed: Missed::default(),
            grace: Span::hours(6),
            lease: Span::of_seconds(60),
            build_threads: 2,
            memory_mib: 2_048,
            upkeep: None,
        }
    }
}

impl NightlyConfig {
    /// What is wrong with the section, and what to write.
    pub(super) fn fault(&self) -> Option<(String, &'static str)> {
        if !TERMS.contains(&self.lease) {
            let what = "`nightly.lease` is not between `1s` and `24h`";
            return Some((what.to_owned(), "write a span such as `60s`"));
        }
        let what = "`nightly.grace` is longer than a year";
        (self.grace > GRACE).then(|| (what.to_owned(), "write a span such as `6h`"))
    }
}
