//! Tags given by rules, and segments: who they are about is decided by files of the project.
//!
//! Owns the shape of `queries/tags` and `queries/segments` and of the answers about them. How a
//! definition becomes rows is the engine's.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::money::Fen;

/// A tag every row of a table gives to its person for a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagRule {
    /// The tag, as people read it.
    pub tag: String,
    /// Name in English.
    pub label_en: String,
    /// What it says of a person.
    pub description: String,
    /// Table of schema `hub`.
    pub source: String,
    /// SQL expression of the person.
    #[serde(default = "person_id")]
    pub person: String,
    /// SQL predicate rows must keep; every row when absent.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// SQL expression of the tag's value.
    #[serde(default)]
    pub value: Option<String>,
    /// SQL expression of the first day.
    pub from: String,
    /// SQL expression of the last day; NULL while it lasts.
    #[serde(default)]
    pub to: Option<String>,
    /// Days it holds, the first included.
    #[serde(default)]
    pub valid_days: Option<u32>,
}

fn person_id() -> String {
    "person_id".to_owned()
}

/// One file of `queries/tags`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagFile {
    /// Rules of the file.
    pub tags: Vec<TagRule>,
}

/// How members of a segment are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// By the four axes, anew every night.
    Dynamic,
    /// By a list of persons.
    Static,
    /// By a select of `person_id`, anew every night.
    Sql,
}

/// One segment of `queries/segments`. Everything given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDefinition {
    /// Stable id.
    pub id: String,
    /// How members are chosen.
    pub kind: SegmentKind,
    /// Name in Chinese.
    pub label_zh: String,
    /// Name in English.
    pub label_en: String,
    /// Who is in it.
    pub description: String,
    /// Role that works with it.
    #[serde(default)]
    pub owner: String,
    /// States of the lifecycle.
    #[serde(default)]
    pub lifecycle: Vec<String>,
    /// Spend tiers.
    #[serde(default)]
    pub spending: Vec<String>,
    /// Business lines last asked for.
    #[serde(default)]
    pub need: Vec<String>,
    /// How lively the person is.
    #[serde(default)]
    pub activity: Vec<String>,
    /// SQL predicate over `segment_profile`.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// The select of a sql segment.
    #[serde(default)]
    pub sql: Option<String>,
    /// The persons of a static segment.
    #[serde(default)]
    pub persons: Vec<String>,
}

impl SegmentDefinition {
    /// Columns of `segment_profile` with the values a member has in one of them.
    #[must_use]
    pub fn axes(&self) -> [(&'static str, &[String]); 4] {
        [
            ("lifecycle", &self.lifecycle),
            ("spend_tier", &self.spending),
            ("need_line", &self.need),
            ("activity", &self.activity),
        ]
    }
}

/// One file of `queries/segments`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentFile {
    /// Segments of the file.
    pub segments: Vec<SegmentDefinition>,
}

/// A segment with the members the caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its definition.
    pub definition: SegmentDefinition,
    /// Visible members.
    pub members: u64,
    /// Visible members who may be contacted to sell.
    pub contactable: u64,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentMember {
    /// Golden person id.
    pub person_id: String,
    /// Masked name.
    pub masked_name: String,
    /// State in the group.
    pub lifecycle: String,
    /// Whether offers are allowed.
    pub may_be_contacted: bool,
}

/// Which lapsed customers are asked for. All given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct DormantFilter {
    /// Business line.
    pub business_line: Option<String>,
    /// Site of the last visit.
    pub site_id: Option<String>,
    /// `dormant` or `churned`.
    pub state: Option<String>,
    /// Only those nobody called, who may be called and have not booked.
    pub due: bool,
}

/// A customer of a business line who lapsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DormantEntry {
    /// Stable id: person and line.
    pub id: String,
    /// Golden person id.
    pub person_id: String,
    /// Masked name.
    pub masked_name: String,
    /// Business line.
    pub business_line: String,
    /// Site of the last visit.
    pub site_id: Option<String>,
    /// `dormant` or `churned`.
    pub state: String,
    /// Since when.
    pub since: NaiveDate,
    /// Last visit in the line.
    pub last_visit_on: NaiveDate,
    /// Received at that site so far.
    pub cash: Fen,
    /// First contact since the customer lapsed.
    pub contacted_on: Option<NaiveDate>,
    /// Next booking in the line.
    pub next_booking_on: Option<NaiveDate>,
    /// Whether offers are allowed.
    pub may_be_contacted: bool,
    /// Whether a call is due.
    pub is_due: bool,
}
