//! Nightly summaries: which tables are added up per day, and by what.

use serde::Deserialize;

/// One file of `queries/summaries`: table `hub.summary_<file name>`.
///
/// Every metric that adds up over the source by the same day is in it, so a file names no metric.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SummaryDefinition {
    /// Table of schema `hub` that is added up.
    pub source: String,
    /// Its date column that places a row in time.
    pub time: String,
    /// Dimension ids rows stay apart by, besides the day and the column row policy reads. Fewer
    /// make a smaller table that answers fewer questions.
    pub dimensions: Vec<String>,
}
