//! What people write about source records between nights; the next night applies it.

use chrono::{DateTime, Utc};

use crate::identity::Decision;

/// A tag somebody gave a person, by one of the person's source records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManualTag {
    /// Stable number.
    pub id: i64,
    /// Source record (`his:12`): it stays when persons become one or come apart.
    pub record: String,
    /// Tag name.
    pub tag: String,
    /// Value, where the tag has one.
    pub value: Option<String>,
    /// Since when it holds.
    pub from: DateTime<Utc>,
    /// The first instant at which it no longer holds; none while it has no end.
    pub to: Option<DateTime<Utc>>,
    /// Who gave it.
    pub given_by: String,
}

/// A tag to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Tag name.
    pub tag: String,
    /// Value, where the tag has one.
    pub value: Option<String>,
    /// The first instant at which it no longer holds; none until it is taken back.
    pub to: Option<DateTime<Utc>>,
}

/// Everything people wrote that tables are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// The last word on every pair of records that was not withdrawn.
    pub decisions: Vec<Decision>,
    /// Tags by hand, ended ones included.
    pub tags: Vec<ManualTag>,
}
