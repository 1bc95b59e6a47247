//! Recalls and referrals.

use async_graphql::{ID, InputObject, SimpleObject};
use hub_domain::{recall as domain, referral};

use crate::graphql::scalars::{Date, DateTime, Fen};

/// Which recalls.
#[derive(InputObject, Default)]
pub(crate) struct RecallFilter {
    /// `upcoming`, `due`, `overdue`, `kept`, `missed`.
    status: Option<String>,
    /// Business line.
    business_line: Option<String>,
    /// Site (org code).
    site_id: Option<ID>,
    /// Rule.
    rule_id: Option<ID>,
    /// Due on this day or later.
    due_from: Option<Date>,
    /// Due on this day or earlier.
    due_to: Option<Date>,
}

/// A service of a person that fell or will fall due.
#[derive(SimpleObject)]
pub(crate) struct Recall {
    /// Stable id.
    id: ID,
    /// Golden person id.
    person_id: ID,
    /// Masked name.
    masked_name: String,
    /// Rule that makes it due.
    rule_id: ID,
    /// `interval` since the last time, or `age`.
    kind: String,
    /// Category of the items that keep it.
    category: String,
    /// Business line.
    business_line: Option<String>,
    /// Site (org code).
    site_id: Option<ID>,
    /// Day it falls due.
    due_on: Date,
    /// `upcoming`: the thirty days before have not begun; `due`: they have; `overdue`: the day has
    /// passed, within sixty days; then `kept` or `missed`.
    status: String,
    /// Day it was done.
    kept_on: Option<Date>,
}

/// Which part of the referral tree.
#[derive(InputObject, Default)]
pub(crate) struct ReferralFilter {
    /// Whom this person brought, directly.
    referrer_person_id: Option<ID>,
    /// The whole tree below this person, whom nobody brought.
    root_person_id: Option<ID>,
    /// Site (org code).
    site_id: Option<ID>,
}

/// A person brought by a customer.
#[derive(SimpleObject)]
pub(crate) struct ReferredPerson {
    /// The person brought.
    person_id: ID,
    /// Masked name; empty when the caller may not see the person.
    masked_name: String,
    /// Who brought the person.
    referrer_person_id: ID,
    /// The first of the chain, whom nobody brought.
    root_person_id: ID,
    /// Steps from the first one: 1 for whom the first one brought.
    level: i64,
    /// Site (org code).
    site_id: Option<ID>,
    /// When the referral was made.
    referred_at: DateTime,
    /// First visit: the day the referral counts on; null while the person has not come.
    first_visit_on: Option<Date>,
    /// Persons this one brought in turn.
    brought: i64,
    /// Cash of the person at that site so far.
    cash: Fen,
}

impl From<RecallFilter> for domain::RecallFilter {
    fn from(filter: RecallFilter) -> Self {
        Self {
            status: filter.status,
            business_line: filter.business_line,
            site_id: filter.site_id.map(|id| id.0),
            rule_id: filter.rule_id.map(|id| id.0),
            due_from: filter.due_from.map(|day| day.0),
            due_to: filter.due_to.map(|day| day.0),
        }
    }
}

impl From<ReferralFilter> for referral::ReferralFilter {
    fn from(filter: ReferralFilter) -> Self {
        Self {
            referrer_person_id: filter.referrer_person_id.map(|id| id.0),
            root_person_id: filter.root_person_id.map(|id| id.0),
            site_id: filter.site_id.map(|id| id.0),
        }
    }
}

impl From<domain::Recall> for Recall {
    fn from(recall: domain::Recall) -> Self {
        Self {
            id: ID(recall.id),
            person_id: ID(recall.person_id),
            masked_name: recall.masked_name,
            rule_id: ID(recall.rule_id),
            kind: recall.kind,
            category: recall.category,
            business_line: recall.business_line,
            site_id: recall.site_id.map(ID),
            due_on: recall.due_on.into(),
            status: recall.status,
            kept_on: recall.kept_on.map(Date::from),
        }
    }
}

impl From<referral::ReferredPerson> for ReferredPerson {
    fn from(person: referral::ReferredPerson) -> Self {
        Self {
            person_id: ID(person.person_id),
            masked_name: person.masked_name,
            referrer_person_id: ID(person.referrer_person_id),
            root_person_id: ID(person.root_person_id),
            level: person.level,
            site_id: person.site_id.map(ID),
            referred_at: person.referred_at.into(),
            first_visit_on: person.first_visit_on.map(Date::from),
            brought: person.brought,
            cash: person.cash.into(),
        }
    }
}
