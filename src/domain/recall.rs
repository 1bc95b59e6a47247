//! Recalls: services that fall due again, by interval or by age.

use chrono::NaiveDate;

/// A service of a person that fell or will fall due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// Stable id.
    pub id: String,
    /// Golden person id.
    pub person_id: String,
    /// Masked name.
    pub masked_name: String,
    /// Rule that makes it due.
    pub rule_id: String,
    /// `interval` since the last time, or `age`.
    pub kind: String,
    /// Category of the items that keep it.
    pub category: String,
    /// Business line.
    pub business_line: Option<String>,
    /// Site (org code).
    pub site_id: Option<String>,
    /// Day it falls due.
    pub due_on: NaiveDate,
    /// `upcoming`, `due`, `overdue`, `kept`, `missed`.
    pub status: String,
    /// Day it was done.
    pub kept_on: Option<NaiveDate>,
}

/// Which recalls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecallFilter {
    /// Status.
    pub status: Option<String>,
    /// Business line.
    pub business_line: Option<String>,
    /// Site (org code).
    pub site_id: Option<String>,
    /// Rule.
    pub rule_id: Option<String>,
    /// Due on this day or later.
    pub due_from: Option<NaiveDate>,
    /// Due on this day or earlier.
    pub due_to: Option<NaiveDate>,
}
