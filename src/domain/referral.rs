//! Referrals: who brought whom.

use chrono::{DateTime, NaiveDate, Utc};

use crate::Fen;

/// A person brought by a customer, in the tree of all such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferredPerson {
    /// The person brought.
    pub person_id: String,
    /// Masked name.
    pub masked_name: String,
    /// Who brought the person.
    pub referrer_person_id: String,
    /// The first of the chain, whom nobody brought.
    pub root_person_id: String,
    /// Steps from the first one: 1 for whom the first one brought.
    pub level: i64,
    /// Site (org code).
    pub site_id: Option<String>,
    /// When the referral was made.
    pub referred_at: DateTime<Utc>,
    /// First visit: the day the referral counts on.
    pub first_visit_on: Option<NaiveDate>,
    /// Persons this one brought in turn.
    pub brought: i64,
    /// Cash of the person at that site so far.
    pub cash: Fen,
}

/// Which part of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferralFilter {
    /// Whom this person brought, directly.
    pub referrer_person_id: Option<String>,
    /// The whole tree below this person, whom nobody brought.
    pub root_person_id: Option<String>,
    /// Site (org code).
    pub site_id: Option<String>,
}
