//! Patient 360: everything the group knows of one person, in one object.

use chrono::{DateTime, NaiveDate, Utc};

use crate::Fen;

/// Who the person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    /// Golden person id.
    pub id: String,
    /// Full name; P2.
    pub display_name: String,
    /// `male`, `female`, none when unknown.
    pub sex: Option<String>,
    /// Birth date; P2.
    pub birth_date: Option<NaiveDate>,
    /// Whether the person was under 14 on the snapshot's business day.
    pub is_minor_u14: bool,
    /// District of residence.
    pub district: Option<String>,
    /// First channel (channel id).
    pub first_channel_id: Option<String>,
    /// Label of the first channel.
    pub first_channel: Option<String>,
    /// State in the group: of the business line in which the person is most active.
    pub lifecycle: String,
    /// First and last visit visible to the caller.
    pub first_visit_on: Option<NaiveDate>,
    /// See `first_visit_on`.
    pub last_visit_on: Option<NaiveDate>,
    /// Visits visible to the caller.
    pub visit_count: u64,
}

/// Where a person stands with a business line on the data's last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleLine {
    /// Business line.
    pub business_line: String,
    /// `potential`, `visited_unpaid`, `first`, `return`, `dormant`, `churned`, `reactivated`.
    pub state: String,
    /// First day of the state.
    pub since: NaiveDate,
    /// Last visit in the line.
    pub last_visit_on: Option<NaiveDate>,
    /// Next booking in the line.
    pub next_booking_on: Option<NaiveDate>,
    /// Treatment agreed, not finished and going on.
    pub is_in_treatment: bool,
    /// Treatment agreed and not gone on with.
    pub is_interrupted: bool,
}

/// How lately, how often and how much a person paid, in fifths of all who did; 5 is best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rfm {
    /// Fifth by the day of the last payment.
    pub recency: i64,
    /// Fifth by days with payments in a year.
    pub frequency: i64,
    /// Fifth by cash in a year.
    pub monetary: i64,
    /// `important_value`, … `general_win_back`.
    pub group: String,
    /// Day of the last payment.
    pub last_paid_on: NaiveDate,
}

/// One identifier of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// `his_mrn`, `crm_id`, `id_card`, `wechat_unionid`, `phone`.
    pub kind: String,
    /// Masked value such as `138****0000`.
    pub masked: String,
    /// Source system.
    pub system: String,
    /// Relation of a phone's owner to the person: `self`, `mother`, …
    pub relation: Option<String>,
}

/// A family edge seen from the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyMember {
    /// The other person.
    pub person_id: String,
    /// Masked name.
    pub masked_name: String,
    /// `mother_child`, `spouse`, `guardian`, `sibling`.
    pub relation: String,
}

/// A tag with its validity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Tag name.
    pub tag: String,
    /// Value, where the tag has one.
    pub value: Option<String>,
    /// `rule`, `manual`, `import`.
    pub source: String,
    /// Start of validity.
    pub from: DateTime<Utc>,
    /// End of validity; none while it holds.
    pub to: Option<DateTime<Utc>>,
}

/// One entry of the timeline, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEvent {
    /// Stable id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// `lead`, `touch`, `appointment`, `visit`, `consult`, `plan`, `order`, `payment`, `refund`,
    /// `redemption`, `procedure`, `followup`, `survey`, `complaint`, `referral`.
    pub kind: String,
    /// One line for people, without names.
    pub summary: String,
    /// Site (org code).
    pub site_id: Option<String>,
    /// Amount, where money moved.
    pub amount: Option<Fen>,
}

/// Money of a person by basis; the bases are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Money {
    /// 应收: billed lines.
    pub billed: Fen,
    /// 实收: cash, top-ups and insurance received.
    pub cash: Fen,
    /// 消耗: redeemed packages, immediate services and goods.
    pub earned: Fen,
    /// Refunds paid out.
    pub refund: Fen,
    /// Packages left plus stored value: what the clinic owes in services.
    pub deferred: Fen,
    /// Billed and not paid.
    pub arrears: Fen,
}

/// A treatment plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Plan id.
    pub id: String,
    /// `presented`, `accepted`, …
    pub status: String,
    /// When it was presented.
    pub presented_at: DateTime<Utc>,
    /// Plan total.
    pub total: Fen,
    /// Items on the plan and items done.
    pub items: u64,
    /// See `items`.
    pub items_done: u64,
    /// Site (org code).
    pub site_id: Option<String>,
}

/// A package item with uses left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Entitlement id.
    pub id: String,
    /// Item name.
    pub item: String,
    /// Times bought, used and left.
    pub times_total: i64,
    /// See `times_total`.
    pub times_used: i64,
    /// See `times_total`.
    pub times_left: i64,
    /// Value of what is left.
    pub left_value: Fen,
    /// Last day of use.
    pub expires_on: Option<NaiveDate>,
    /// Site (org code).
    pub site_id: Option<String>,
}

/// A follow-up task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Task id.
    pub id: String,
    /// Follow-up category.
    pub category: String,
    /// Role that owns it.
    pub owner_role: Option<String>,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// When it was done.
    pub done_at: Option<DateTime<Utc>>,
    /// `open`, `done`, `cancelled`.
    pub status: String,
}

/// A survey answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyAnswer {
    /// `nps`, `csat`, `profile`.
    pub kind: String,
    /// Question.
    pub question: String,
    /// Score 0–10.
    pub score: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// A consent given or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// `care`, `marketing`, …
    pub scope: String,
    /// `granted`, `revoked`.
    pub status: String,
    /// `self`, `guardian`.
    pub given_by: String,
    /// When it was given.
    pub at: DateTime<Utc>,
    /// When it was withdrawn.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Filter of patient lists. All given conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PatientFilter {
    /// Part of the name.
    pub name: Option<String>,
    /// Seen at this site (org code).
    pub site_id: Option<String>,
    /// Lifecycle state.
    pub lifecycle: Option<String>,
    /// First channel id.
    pub channel_id: Option<String>,
    /// Has this tag now.
    pub tag: Option<String>,
}

/// Order of patient lists; the id breaks ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PatientOrder {
    /// By person id.
    #[default]
    Id,
    /// By last visit, newest first; never-seen last.
    LastVisit,
}

/// Hides all but the first character of a name.
#[must_use]
pub fn mask_name(name: &str) -> String {
    let mut letters = name.chars();
    let Some(first) = letters.next() else { return String::new() };
    let hidden = letters.count().clamp(1, 2);
    format!("{first}{}", "*".repeat(hidden))
}

/// Hides the middle of an identifier; short ones are hidden whole.
#[must_use]
pub fn mask_identifier(value: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    if letters.len() < 8 {
        return "*".repeat(letters.len());
    }
    let head: String = letters[..3].iter().collect();
    let tail: String = letters[letters.len() - 4..].iter().collect();
    format!("{head}{}{tail}", "*".repeat(letters.len() - 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_little() {
        assert_eq!(mask_name("王小明"), "王**");
        assert_eq!(mask_name("欧阳"), "欧*");
        assert_eq!(mask_name("李"), "李*");
        assert_eq!(mask_identifier("13800001234"), "138****1234");
        assert_eq!(mask_identifier("12345"), "*****");
    }
}
