//! The parts of Patient 360.

use async_graphql::{ID, SimpleObject};
use hub_domain::patient as domain;

use crate::graphql::scalars::{Date, DateTime, Fen};

/// One identifier of a person.
#[derive(SimpleObject)]
pub(crate) struct Identifier {
    /// `his_mrn`, `crm_id`, `id_card`, `wechat_unionid`, `phone`.
    kind: String,
    /// Masked value.
    masked: String,
    /// Source system.
    system: String,
    /// Relation of a phone's owner to the person: `self`, `mother`, …
    relation: Option<String>,
}

/// A family edge seen from the person.
#[derive(SimpleObject)]
pub(crate) struct FamilyMember {
    /// The other person.
    person_id: ID,
    /// Masked name.
    masked_name: String,
    /// `mother_child`, `spouse`, `guardian`, `sibling`.
    relation: String,
}

/// A tag with its validity.
#[derive(SimpleObject)]
pub(crate) struct Tag {
    /// Tag name.
    tag: String,
    /// Value, where the tag has one.
    value: Option<String>,
    /// `rule`, `manual`, `import`.
    source: String,
    /// Start of validity.
    from: DateTime,
    /// End of validity; null while it holds.
    to: Option<DateTime>,
}

/// One thing that happened.
#[derive(SimpleObject)]
pub(crate) struct TimelineEvent {
    /// Stable id.
    id: ID,
    /// When.
    at: DateTime,
    /// `lead`, `touch`, `appointment`, `visit`, `consult`, `plan`, `order`, `payment`, `refund`,
    /// `redemption`, `procedure`, `followup`, `survey`, `complaint`, `referral`.
    kind: String,
    /// One line for people, without names.
    summary: String,
    /// Site (org code).
    site_id: Option<ID>,
    /// Amount, where money moved.
    amount: Option<Fen>,
}

/// Money of a person by basis; the bases are never mixed.
#[derive(SimpleObject)]
pub(crate) struct Money {
    /// Billed lines.
    billed: Fen,
    /// Cash, top-ups and insurance received.
    cash: Fen,
    /// Redeemed packages, immediate services and goods.
    earned: Fen,
    /// Refunds paid out.
    refund: Fen,
    /// Packages left plus stored value: what the clinic owes in services.
    deferred: Fen,
    /// Billed and not paid.
    arrears: Fen,
}

/// A treatment plan.
#[derive(SimpleObject)]
pub(crate) struct Plan {
    /// Plan id.
    id: ID,
    /// `presented`, `accepted`, …
    status: String,
    /// When it was presented.
    presented_at: DateTime,
    /// Plan total.
    total: Fen,
    /// Items on the plan.
    items: u64,
    /// Items done.
    items_done: u64,
    /// Site (org code).
    site_id: Option<ID>,
}

/// A package item with uses left.
#[derive(SimpleObject)]
pub(crate) struct Entitlement {
    /// Entitlement id.
    id: ID,
    /// Item name.
    item: String,
    /// Times bought.
    times_total: i64,
    /// Times used.
    times_used: i64,
    /// Times left.
    times_left: i64,
    /// Value of what is left.
    left_value: Fen,
    /// Last day of use.
    expires_on: Option<Date>,
    /// Site (org code).
    site_id: Option<ID>,
}

/// A follow-up task.
#[derive(SimpleObject)]
pub(crate) struct Task {
    /// Task id.
    id: ID,
    /// Follow-up category.
    category: String,
    /// Role that owns it.
    owner_role: Option<String>,
    /// When it is due.
    due_at: DateTime,
    /// When it was done.
    done_at: Option<DateTime>,
    /// `open`, `done`, `cancelled`.
    status: String,
}

/// A survey answer.
#[derive(SimpleObject)]
pub(crate) struct SurveyAnswer {
    /// `nps`, `csat`, `profile`.
    kind: String,
    /// Question.
    question: String,
    /// Score 0–10.
    score: i64,
    /// When.
    at: DateTime,
}

/// A consent given or withdrawn.
#[derive(SimpleObject)]
pub(crate) struct Consent {
    /// `care`, `marketing`, …
    scope: String,
    /// `granted`, `revoked`.
    status: String,
    /// `self`, `guardian`.
    given_by: String,
    /// When it was given.
    at: DateTime,
    /// When it was withdrawn.
    revoked_at: Option<DateTime>,
}

impl From<domain::Identifier> for Identifier {
    fn from(identifier: domain::Identifier) -> Self {
        let domain::Identifier { kind, masked, system, relation } = identifier;
        Self { kind, masked, system, relation }
    }
}

impl From<domain::FamilyMember> for FamilyMember {
    fn from(member: domain::FamilyMember) -> Self {
        let domain::FamilyMember { person_id, masked_name, relation } = member;
        Self { person_id: ID(person_id), masked_name, relation }
    }
}

impl From<domain::Tag> for Tag {
    fn from(tag: domain::Tag) -> Self {
        Self {
            tag: tag.tag,
            value: tag.value,
            source: tag.source,
            from: tag.from.into(),
            to: tag.to.map(DateTime::from),
        }
    }
}

impl From<domain::TimelineEvent> for TimelineEvent {
    fn from(event: domain::TimelineEvent) -> Self {
        Self {
            id: ID(event.id),
            at: event.at.into(),
            kind: event.kind,
            summary: event.summary,
            site_id: event.site_id.map(ID),
            amount: event.amount.map(Fen::from),
        }
    }
}

impl From<domain::Money> for Money {
    fn from(money: domain::Money) -> Self {
        Self {
            billed: money.billed.into(),
            cash: money.cash.into(),
            earned: money.earned.into(),
            refund: money.refund.into(),
            deferred: money.deferred.into(),
            arrears: money.arrears.into(),
        }
    }
}

impl From<domain::Plan> for Plan {
    fn from(plan: domain::Plan) -> Self {
        Self {
            id: ID(plan.id),
            status: plan.status,
            presented_at: plan.presented_at.into(),
            total: plan.total.into(),
            items: plan.items,
            items_done: plan.items_done,
            site_id: plan.site_id.map(ID),
        }
    }
}

impl From<domain::Entitlement> for Entitlement {
    fn from(entitlement: domain::Entitlement) -> Self {
        Self {
            id: ID(entitlement.id),
            item: entitlement.item,
            times_total: entitlement.times_total,
            times_used: entitlement.times_used,
            times_left: entitlement.times_left,
            left_value: entitlement.left_value.into(),
            expires_on: entitlement.expires_on.map(Date::from),
            site_id: entitlement.site_id.map(ID),
        }
    }
}

impl From<domain::Task> for Task {
    fn from(task: domain::Task) -> Self {
        Self {
            id: ID(task.id),
            category: task.category,
            owner_role: task.owner_role,
            due_at: task.due_at.into(),
            done_at: task.done_at.map(DateTime::from),
            status: task.status,
        }
    }
}

impl From<domain::SurveyAnswer> for SurveyAnswer {
    fn from(answer: domain::SurveyAnswer) -> Self {
        Self {
            kind: answer.kind,
            question: answer.question,
            score: answer.score,
            at: answer.at.into(),
        }
    }
}

impl From<domain::Consent> for Consent {
    fn from(consent: domain::Consent) -> Self {
        Self {
            scope: consent.scope,
            status: consent.status,
            given_by: consent.given_by,
            at: consent.at.into(),
            revoked_at: consent.revoked_at.map(DateTime::from),
        }
    }
}
