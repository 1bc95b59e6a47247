//! Identity: pairs to decide about, merges, decisions.

use async_graphql::{Enum, ID, SimpleObject};
use hub_domain::identity as domain;

use crate::graphql::scalars::Date;

/// Two persons that may be one.
#[derive(SimpleObject)]
pub(crate) struct IdentityMatch {
    /// What `decideIdentityMatch` takes.
    id: ID,
    /// One person.
    left_person_id: ID,
    /// Masked name.
    left_name: String,
    /// The other.
    right_person_id: ID,
    /// Masked name.
    right_name: String,
    /// What they share: `mrn`, `phone` or `wechat`, with `_name` or `_birth_date`
    /// where that is the same too.
    rule: String,
}

/// Two persons that became one.
#[derive(SimpleObject)]
pub(crate) struct IdentityMerge {
    /// What `decideIdentityMatch` takes: `DIFFERENT` undoes the merge.
    id: ID,
    /// The id that stayed, the older one.
    winner_person_id: ID,
    /// The id that went.
    loser_person_id: ID,
    /// First night with one person.
    merged_on: Date,
    /// Whether somebody decided it; otherwise facts did.
    is_decided: bool,
    /// First night with two persons again.
    reversed_on: Option<Date>,
}

/// What somebody can say about a pair.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "hub_domain::identity::MatchDecision")]
pub(crate) enum MatchDecision {
    /// They are one person.
    Same,
    /// They are two persons, whatever facts they share.
    Different,
    /// Nothing any more: facts decide again.
    Withdrawn,
}

/// How a decision ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdentityDecisionStatus {
    /// It is kept; the next night applies it.
    Decided,
    /// There is no such pair.
    NotFound,
}

/// What deciding about a pair answers. Expected failures are a status, not an error.
#[derive(SimpleObject)]
pub(crate) struct IdentityMatchPayload {
    /// How it ended.
    pub(crate) status: IdentityDecisionStatus,
    /// What went wrong, for people.
    pub(crate) message: Option<String>,
}

/// The id of a pair of records.
fn pair(left: &str, right: &str) -> ID {
    ID(format!("{left}+{right}"))
}

/// The records behind the id of a pair.
pub(crate) fn records(id: &str) -> Option<(&str, &str)> {
    id.split_once('+').filter(|(left, right)| left != right)
}

impl From<domain::PendingMatch> for IdentityMatch {
    fn from(found: domain::PendingMatch) -> Self {
        let (left_person, left_record, left_name) = found.left;
        let (right_person, right_record, right_name) = found.right;
        Self {
            id: pair(&left_record, &right_record),
            left_person_id: ID(left_person),
            left_name,
            right_person_id: ID(right_person),
            right_name,
            rule: found.rule,
        }
    }
}

impl From<domain::Merge> for IdentityMerge {
    fn from(merge: domain::Merge) -> Self {
        Self {
            id: pair(&merge.loser_record, &merge.winner_record),
            winner_person_id: ID(merge.winner),
            loser_person_id: ID(merge.loser),
            merged_on: merge.merged_on.into(),
            is_decided: merge.is_decided,
            reversed_on: merge.reversed_on.map(Date::from),
        }
    }
}
