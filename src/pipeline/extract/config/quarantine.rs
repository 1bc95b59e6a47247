//! How far a load may be off and still be published: refused rows, and what is compared with the
//! source.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Fault, SourceConfig};

/// Limits of one source or one table; what is absent is taken from the source, then from the
/// section `quarantine`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaxQuarantine {
    /// Largest share of the rows of one load that may be refused, from 0 to 1.
    pub share: Option<f64>,
    /// What rows do whose key is at fault: missing, not of its type, or delivered twice.
    pub key_faults: Option<KeyFaults>,
}

/// What rows do whose key is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyFaults {
    /// One of them stops publication.
    #[default]
    Block,
    /// They count as other refused rows do.
    Accept,
}

/// What of a load is compared between source and lake. Files are read once and by one reader, so
/// there is nothing to compare them with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reconcile {
    /// Rows, keys and sums of whole numbers and decimals.
    #[default]
    Full,
    /// Rows.
    Counts,
    /// Nothing.
    None,
}

impl MaxQuarantine {
    /// These limits, and `wider`'s where they say nothing.
    #[must_use]
    pub fn or(self, wider: Self) -> Self {
        Self { share: self.share.or(wider.share), key_faults: self.key_faults.or(wider.key_faults) }
    }

    /// What can be said against them; `what` names whose they are.
    pub(super) fn fault(self, what: &str) -> Option<Fault> {
        let share = self.share.filter(|share| !(0.0..=1.0).contains(share))?;
        let what = format!("{what}: `max_quarantine.share` is `{share}`");
        Some(Fault::new(what, "write a share from 0 to 1, such as 0.005 for 0.5 %"))
    }
}

impl SourceConfig {
    /// The limits of `table`.
    #[must_use]
    pub fn max_quarantine(&self, table: &str) -> MaxQuarantine {
        let own = self.tables.get(table).map(|table| table.max_quarantine).unwrap_or_default();
        own.or(self.max_quarantine)
    }

    /// What is compared of `table`.
    #[must_use]
    pub fn reconcile(&self, table: &str) -> Reconcile {
        let own = self.tables.get(table).and_then(|table| table.reconcile);
        own.or(self.reconcile).unwrap_or_default()
    }
}
