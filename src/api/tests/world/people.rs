//! Segments, lapsed customers and scores of the world in memory.

use async_trait::async_trait;
use hub_domain::annotation::NewTag;
use hub_domain::identity::{MatchDecision, Merge, PendingMatch};
use hub_domain::page::{Edge, Page, PageRequest};
use hub_domain::patient::{LifecycleLine, Patient, Rfm};
use hub_domain::ports::{IdentityDecisions, ManualTags};
use hub_domain::recall::Recall;
use hub_domain::referral::ReferredPerson;
use hub_domain::segment::{DormantEntry, Segment, SegmentDefinition, SegmentKind, SegmentMember};
use hub_domain::{Error, Fen, Principal};

use super::{World, at, day};

/// Person id, name, site.
pub(super) const PERSONS: [(&str, &str, &str); 2] =
    [("p1", "王小明", "SH01"), ("p2", "李雷", "BJ01")];

/// The persons a principal sees.
pub(super) fn patients(principal: &Principal) -> impl Iterator<Item = Patient> + '_ {
    let seen = PERSONS.iter().filter(|(_, _, site)| principal.sees_site(site));
    seen.map(|(id, name, _)| Patient {
        id: (*id).into(),
        display_name: (*name).into(),
        sex: Some("male".into()),
        birth_date: Some(day("2019-05-06")),
        is_minor_u14: true,
        district: Some("徐汇".into()),
        first_channel_id: Some("C01".into()),
        first_channel: Some("大众点评".into()),
        lifecycle: "return".into(),
        first_visit_on: Some(day("2025-01-02")),
        last_visit_on: Some(day("2026-03-30")),
        visit_count: 4,
    })
}

/// Pages a list by position; the cursor is the position.
pub(super) fn paged<T>(rows: Vec<T>, page: &PageRequest) -> Result<Page<T>, Error> {
    let start = match &page.after {
        None => 0,
        Some(cursor) => cursor.parse::<usize>().map_err(|_| Error::bad_input("bad cursor"))? + 1,
    };
    let total = rows.len();
    let edges = rows.into_iter().enumerate().skip(start).take(page.first);
    Ok(Page {
        edges: edges.map(|(at, node)| Edge { cursor: at.to_string(), node }).collect(),
        has_next_page: start + page.first < total,
        total_count: Some(total as u64),
    })
}

pub(super) fn segment(members: u64) -> Segment {
    let definition = SegmentDefinition {
        id: "vip".into(),
        kind: SegmentKind::Dynamic,
        label_zh: "贵宾".into(),
        label_en: "VIP".into(),
        description: "the best".into(),
        owner: "consultant".into(),
        lifecycle: vec!["return".into()],
        spending: Vec::new(),
        need: Vec::new(),
        activity: Vec::new(),
        condition: None,
        sql: None,
        persons: Vec::new(),
    };
    Segment { definition, members, contactable: 0 }
}

pub(super) fn member(person: Patient) -> SegmentMember {
    SegmentMember {
        person_id: person.id,
        masked_name: "王**".into(),
        lifecycle: person.lifecycle,
        may_be_contacted: false,
    }
}

pub(super) fn lapsed(person: Patient) -> DormantEntry {
    DormantEntry {
        id: format!("{}:dental", person.id),
        person_id: person.id,
        masked_name: "王**".into(),
        business_line: "dental".into(),
        site_id: None,
        state: "dormant".into(),
        since: day("2026-01-02"),
        last_visit_on: day("2025-01-01"),
        cash: Fen(12_300),
        contacted_on: None,
        next_booking_on: None,
        may_be_contacted: false,
        is_due: false,
    }
}

pub(super) fn recall(person: Patient) -> Recall {
    Recall {
        id: format!("{}:clean:2026-04-02", person.id),
        person_id: person.id,
        masked_name: "王**".into(),
        rule_id: "clean".into(),
        kind: "interval".into(),
        category: "cleaning".into(),
        business_line: Some("dental".into()),
        site_id: Some("SH01".into()),
        due_on: day("2026-04-02"),
        status: "due".into(),
        kept_on: None,
    }
}

pub(super) fn referred(person: Patient) -> ReferredPerson {
    ReferredPerson {
        person_id: person.id,
        masked_name: "王**".into(),
        referrer_person_id: "p0".into(),
        root_person_id: "p0".into(),
        level: 1,
        site_id: None,
        referred_at: at("2026-01-02T03:04:05Z"),
        first_visit_on: Some(day("2026-01-05")),
        brought: 2,
        cash: Fen(12_300),
    }
}

pub(super) fn line() -> LifecycleLine {
    LifecycleLine {
        business_line: "dental".into(),
        state: "return".into(),
        since: day("2025-02-01"),
        last_visit_on: Some(day("2026-03-30")),
        next_booking_on: None,
        is_in_treatment: true,
        is_interrupted: false,
    }
}

pub(super) fn rfm() -> Rfm {
    Rfm {
        recency: 5,
        frequency: 4,
        monetary: 3,
        group: "general_value".into(),
        last_paid_on: day("2026-03-30"),
    }
}

pub(super) fn pair() -> PendingMatch {
    let side = |person: &str, record: &str| (person.into(), record.into(), "王**".into());
    PendingMatch { left: side("p1", "his:1"), right: side("p2", "his:2"), rule: "phone".into() }
}

pub(super) fn merge() -> Merge {
    Merge {
        winner: "p1".into(),
        loser: "p2".into(),
        winner_record: "his:1".into(),
        loser_record: "his:2".into(),
        merged_on: day("2026-03-01"),
        is_decided: false,
        reversed_on: None,
    }
}

#[async_trait]
impl IdentityDecisions for World {
    async fn decide(
        &self,
        principal: &Principal,
        left: &str,
        right: &str,
        decision: MatchDecision,
    ) -> Result<(), Error> {
        let word = (principal.user.clone(), left.to_owned(), right.to_owned(), decision);
        self.0.decisions.lock().expect("not poisoned").push(word);
        Ok(())
    }
}

#[async_trait]
impl ManualTags for World {
    async fn give(
        &self,
        principal: &Principal,
        records: &[String],
        tag: &NewTag,
    ) -> Result<(), Error> {
        self.suffer().await?;
        let word = (principal.user.clone(), records.to_vec(), Ok(tag.clone()));
        self.0.tags.lock().expect("not poisoned").push(word);
        Ok(())
    }

    async fn end(
        &self,
        principal: &Principal,
        records: &[String],
        tag: &str,
    ) -> Result<bool, Error> {
        let mut tags = self.0.tags.lock().expect("not poisoned");
        let held = tags.iter().any(|(_, _, given)| given.as_ref().is_ok_and(|one| one.tag == tag));
        tags.push((principal.user.clone(), records.to_vec(), Err(tag.to_owned())));
        Ok(held)
    }
}
