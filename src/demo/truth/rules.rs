//! The four dental rules of the group (R1–R4), evaluated for closed months.
use std::collections::{BTreeMap, BTreeSet};

use super::identity::People;
use super::report::TruthRule;
use crate::org::DENTAL;
use crate::story::Story;
use crate::time::{At, Month};
use crate::world::World;

/// What a dental doctor did in a month.
#[derive(Debug, Clone, Copy, Default)]
struct DoctorMonth {
    consults: i64,
    won: i64,
    /// Cash and paying visits of first visits.
    first: (i64, i64),
    /// Cash and paying visits of return visits.
    again: (i64, i64),
    persons: i64,
    referred: i64,
}

/// Running counts for the rules.
#[derive(Debug)]
pub(super) struct Rules {
    dental: Vec<bool>,
    doctors: BTreeMap<(i64, Month), DoctorMonth>,
    /// First visits and those by referral, per site.
    sites: BTreeMap<(usize, Month), (i64, i64)>,
}

impl Rules {
    pub(super) fn new(world: &World) -> Self {
        Self {
            dental: world.org.sites.iter().map(|site| site.line == DENTAL).collect(),
            doctors: BTreeMap::new(),
            sites: BTreeMap::new(),
        }
    }

    pub(super) fn observe(&mut self, world: &World, story: &Story, cut: At, people: &People) {
        let mut seen = BTreeSet::new();
        let mut first_visit: BTreeMap<usize, At> = BTreeMap::new();
        for visit in story.visits.iter().filter(|visit| visit.seen <= cut) {
            let month = visit.arrived.day().month();
            let person = people.records[visit.who.record];
            if let Some(person) = person {
                let first = first_visit.entry(person).or_insert(visit.arrived);
                *first = (*first).min(visit.arrived);
            }
            if !self.dental[visit.site] {
                continue;
            }
            if seen.insert((visit.doctor, month, person)) {
                self.doctors.entry((visit.doctor, month)).or_default().persons += 1;
            }
            if visit.kind == 1 {
                let all = &world.channels.all;
                let referred = visit.channel.is_some_and(|at| all[at].is_referral());
                let site = self.sites.entry((visit.site, month)).or_default();
                site.0 += 1;
                site.1 += i64::from(referred);
            }
        }
        self.consults(story, cut);
        self.payments(story, cut);
        for referral in story.referrals.iter().filter(|one| one.at <= cut && one.kind == "医生") {
            let first = people.customers[referral.referred].and_then(|p| first_visit.get(&p));
            if let (Some(doctor), Some(first)) = (referral.by_staff, first) {
                let month = first.day().month();
                self.doctors.entry((doctor, month)).or_default().referred += 1;
            }
        }
    }

    fn consults(&mut self, story: &Story, cut: At) {
        for consult in story.consults.iter().filter(|consult| consult.seen <= cut) {
            let visit = &story.visits[consult.visit];
            let Some(doctor) = consult.doctor.filter(|_| self.dental[visit.site]) else { continue };
            if visit.kind == 1 {
                let month = consult.start.day().month();
                let entry = self.doctors.entry((doctor, month)).or_default();
                entry.consults += 1;
                entry.won += i64::from(consult.outcome == 1);
            }
        }
    }

    fn payments(&mut self, story: &Story, cut: At) {
        let mut at_visit: BTreeMap<usize, i64> = BTreeMap::new();
        for one in story.payments.iter().filter(|one| one.seen <= cut && one.is_cash()) {
            if let Some((visit, _)) = one.visit {
                *at_visit.entry(visit).or_default() += one.amount;
            }
        }
        for (visit, amount) in at_visit {
            let visit = &story.visits[visit];
            if amount <= 0 || !self.dental[visit.site] {
                continue;
            }
            let month = visit.arrived.day().month();
            let entry = self.doctors.entry((visit.doctor, month)).or_default();
            let side = match visit.kind {
                1 => &mut entry.first,
                2..=4 => &mut entry.again,
                _ => continue,
            };
            side.0 += amount;
            side.1 += 1;
        }
    }

    /// Every subject and closed month a rule fires for.
    pub(super) fn fired(&self, world: &World) -> BTreeMap<String, Vec<TruthRule>> {
        let closed = |month: Month| month.last() <= world.to;
        let mut fired: BTreeMap<String, Vec<TruthRule>> =
            ["R1", "R2", "R3", "R4"].map(|rule| (rule.to_owned(), Vec::new())).into();
        let mut fire = |rule: &str, subject: String, month: Month| {
            fired
                .entry(rule.to_owned())
                .or_default()
                .push(TruthRule { subject, month: month.label() });
        };
        for ((doctor, month), one) in self.doctors.iter().filter(|((_, month), _)| closed(*month)) {
            let subject = || format!("practitioner:{doctor}");
            // Won under 80 of 100.
            if one.consults >= 10 && one.won * 100 < one.consults * 80 {
                fire("R1", subject(), *month);
            }
            let (first, again) = (one.first, one.again);
            let compared = i128::from(first.0) * i128::from(again.1)
                > i128::from(again.0) * i128::from(first.1);
            if first.1 >= 5 && again.1 >= 5 && compared {
                fire("R2", subject(), *month);
            }
        }
        for ((site, month), (all, referred)) in &self.sites {
            if closed(*month) && *all >= 20 && referred * 100 < all * 30 {
                fire("R3", format!("site:{}", world.org.sites[*site].code), *month);
            }
        }
        for ((doctor, before), one) in &self.doctors {
            let month = Month(before.0 + 1);
            if !closed(month) || one.persons < 10 || senior(world, *doctor, month) {
                continue;
            }
            let referred = self.doctors.get(&(*doctor, month)).map_or(0, |now| now.referred);
            if referred * 3 < one.persons {
                fire("R4", format!("practitioner:{doctor}"), month);
            }
        }
        fired
    }
}

/// Five years of tenure at the month's end.
fn senior(world: &World, doctor: i64, month: Month) -> bool {
    let Some(member) = world.staff.get(doctor) else { return true };
    let (year, hired_month, day) = member.hired.ymd();
    let (now, now_month, now_day) = month.last().ymd();
    (now - year, now_month, now_day) >= (5, hired_month, day)
}
