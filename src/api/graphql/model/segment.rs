//! Segments, lapsed customers, and where one person stands.

use async_graphql::{ID, InputObject, SimpleObject};
use hub_domain::patient as person;
use hub_domain::segment as domain;
use hub_domain::segment::SegmentKind as Kind;

use crate::graphql::scalars::{Date, Fen};

/// A group of persons defined in the project.
#[derive(SimpleObject)]
pub(crate) struct Segment {
    /// Segment id.
    id: ID,
    /// `dynamic`, `static`, `sql`: how members are chosen.
    kind: String,
    /// Name in Chinese.
    label_zh: String,
    /// Name in English.
    label_en: String,
    /// Who is in it.
    description: String,
    /// Role that works with it.
    owner: String,
    /// Members the caller sees.
    members: u64,
    /// Those of them who may be written or called to sell.
    contactable: u64,
}

/// One member of a segment.
#[derive(SimpleObject)]
pub(crate) struct SegmentMember {
    /// Golden person id.
    person_id: ID,
    /// Masked name.
    masked_name: String,
    /// State in the group.
    lifecycle: String,
    /// Whether the person, or a child's guardian, agreed to offers and did not take it back.
    may_be_contacted: bool,
}

/// Filter of lapsed customers. All given conditions must hold.
#[derive(InputObject, Default)]
pub(crate) struct DormantFilter {
    /// Business line.
    business_line: Option<String>,
    /// Site of the last visit (org code).
    site_id: Option<ID>,
    /// `dormant` or `churned`.
    state: Option<String>,
    /// Only those nobody has called yet, who may be called and have booked nothing.
    due: Option<bool>,
}

/// A customer of a business line who lapsed.
#[derive(SimpleObject)]
pub(crate) struct DormantCustomer {
    /// Stable id.
    id: ID,
    /// Golden person id.
    person_id: ID,
    /// Masked name.
    masked_name: String,
    /// Business line.
    business_line: String,
    /// Site of the last visit (org code).
    site_id: Option<ID>,
    /// `dormant` or `churned`.
    state: String,
    /// First day of that state.
    since: Date,
    /// Last visit in the line.
    last_visit_on: Date,
    /// Received at that site so far.
    cash: Fen,
    /// First contact since the customer lapsed.
    contacted_on: Option<Date>,
    /// Next booking in the line.
    next_booking_on: Option<Date>,
    /// Whether offers are allowed.
    may_be_contacted: bool,
    /// Nobody has called yet, calls are allowed and nothing is booked.
    is_due: bool,
}

/// Where a person stands with a business line.
#[derive(SimpleObject)]
pub(crate) struct LifecycleLine {
    /// Business line.
    business_line: String,
    /// `potential`, `visited_unpaid`, `first`, `return`, `dormant`, `churned`, `reactivated`.
    state: String,
    /// First day of the state.
    since: Date,
    /// Last visit in the line.
    last_visit_on: Option<Date>,
    /// Next booking in the line.
    next_booking_on: Option<Date>,
    /// Treatment is agreed, not finished and going on.
    is_in_treatment: bool,
    /// Treatment is agreed and was not gone on with.
    is_interrupted: bool,
}

/// How lately, how often and how much a person paid, in fifths of all who did; 5 is best.
#[derive(SimpleObject)]
pub(crate) struct Rfm {
    /// Fifth by the day of the last payment.
    recency: i64,
    /// Fifth by days with payments in a year.
    frequency: i64,
    /// Fifth by cash in a year.
    monetary: i64,
    /// `important_value`, `important_develop`, `important_keep`, `important_win_back`, and the
    /// same with `general_`.
    group: String,
    /// Day of the last payment.
    last_paid_on: Date,
}

impl From<domain::Segment> for Segment {
    fn from(segment: domain::Segment) -> Self {
        let domain::Segment { definition, members, contactable } = segment;
        let kind = match definition.kind {
            Kind::Dynamic => "dynamic",
            Kind::Static => "static",
            Kind::Sql => "sql",
        };
        Self {
            id: ID(definition.id),
            kind: kind.to_owned(),
            label_zh: definition.label_zh,
            label_en: definition.label_en,
            description: definition.description,
            owner: definition.owner,
            members,
            contactable,
        }
    }
}

impl From<domain::SegmentMember> for SegmentMember {
    fn from(member: domain::SegmentMember) -> Self {
        let domain::SegmentMember { person_id, masked_name, lifecycle, may_be_contacted } = member;
        Self { person_id: ID(person_id), masked_name, lifecycle, may_be_contacted }
    }
}

impl From<DormantFilter> for domain::DormantFilter {
    fn from(filter: DormantFilter) -> Self {
        Self {
            business_line: filter.business_line,
            site_id: filter.site_id.map(|id| id.0),
            state: filter.state,
            due: filter.due.unwrap_or_default(),
        }
    }
}

impl From<domain::DormantEntry> for DormantCustomer {
    fn from(entry: domain::DormantEntry) -> Self {
        Self {
            id: ID(entry.id),
            person_id: ID(entry.person_id),
            masked_name: entry.masked_name,
            business_line: entry.business_line,
            site_id: entry.site_id.map(ID),
            state: entry.state,
            since: entry.since.into(),
            last_visit_on: entry.last_visit_on.into(),
            cash: entry.cash.into(),
            contacted_on: entry.contacted_on.map(Date::from),
            next_booking_on: entry.next_booking_on.map(Date::from),
            may_be_contacted: entry.may_be_contacted,
            is_due: entry.is_due,
        }
    }
}

impl From<person::LifecycleLine> for LifecycleLine {
    fn from(line: person::LifecycleLine) -> Self {
        Self {
            business_line: line.business_line,
            state: line.state,
            since: line.since.into(),
            last_visit_on: line.last_visit_on.map(Date::from),
            next_booking_on: line.next_booking_on.map(Date::from),
            is_in_treatment: line.is_in_treatment,
            is_interrupted: line.is_interrupted,
        }
    }
}

impl From<person::Rfm> for Rfm {
    fn from(rfm: person::Rfm) -> Self {
        Self {
            recency: rfm.recency,
            frequency: rfm.frequency,
            monetary: rfm.monetary,
            group: rfm.group,
            last_paid_on: rfm.last_paid_on.into(),
        }
    }
}
