//! The life of one household with the group, told from its own stream of chance.
//! `tell` decides who comes for what; the submodules tell the parts.
mod after;
mod basket;
mod booking;
mod course;
mod deal;
mod episode;
mod lead;
mod obstetrics;
mod payment;
mod profile;
mod record;
mod visit;

use crate::dice::Dice;
use crate::org::{AESTHETIC, DENTAL, OBGYN, PEDIATRICS, POSTPARTUM};
use crate::people::{Household, Kind, Persona};
use crate::shared::Shared;
use crate::story::Story;
use crate::table::Tab;
use crate::time::{At, Day};
use crate::world::World;

/// A persona while the story is told.
#[derive(Debug)]
struct Patient {
    persona: Persona,
    customer: Option<usize>,
    records: Vec<usize>,
    /// Sites the person has been to, with the doctor and consultant who look after them there.
    desks: Vec<Desk>,
    /// Was a patient before the hospital system's span began.
    legacy: bool,
    /// Stored value in fen.
    balance: i64,
    /// Where the stored value was paid in and can be spent.
    balance_site: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Desk {
    site: usize,
    line: i64,
    dept: i64,
    doctor: i64,
    consultant: Option<i64>,
    visited: bool,
}

/// Tells one household.
struct Teller<'a> {
    world: &'a World,
    shared: &'a mut Shared,
    dice: Dice,
    story: Story,
    patients: Vec<Patient>,
    city: usize,
    /// Set while rows are entered into the source later than they happened.
    late: Option<At>,
}

/// Tells the whole story of a household.
pub(crate) fn tell(world: &World, shared: &mut Shared, dice: Dice, household: Household) -> Story {
    let patients = household.members.into_iter().map(|persona| Patient {
        persona,
        customer: None,
        records: Vec::new(),
        desks: Vec::new(),
        legacy: false,
        balance: 0,
        balance_site: None,
    });
    let mut teller = Teller {
        world,
        shared,
        dice,
        story: Story::default(),
        patients: patients.collect(),
        city: household.city,
        late: None,
    };
    match household.kind {
        Kind::Single | Kind::Couple => teller.adults(),
        Kind::Expecting => {
            teller.expecting();
            teller.companion(1, 0.25);
        }
        Kind::Family => teller.family(),
    }
    teller.relations();
    teller.story
}

impl Teller<'_> {
    fn adults(&mut self) {
        for p in 0..self.patients.len() {
            self.patients[p].legacy = self.dice.chance(0.18);
            let wishes = match (self.patients[p].persona.woman, self.city) {
                (true, 0) => [0.42, 0.32, 0.16, 0.10],
                (true, _) => [0.62, 0.0, 0.26, 0.12],
                (false, 0) => [0.18, 0.62, 0.0, 0.20],
                (false, _) => [0.40, 0.0, 0.0, 0.60],
            };
            let line = match self.dice.weighted(&wishes) {
                0 => AESTHETIC,
                1 => DENTAL,
                2 => OBGYN,
                _ => {
                    self.onlooker(p);
                    continue;
                }
            };
            let first = self.episode(p, line, None);
            if let Some(day) = first
                && self.dice.chance(0.10)
            {
                let other = if line == AESTHETIC { DENTAL } else { AESTHETIC };
                if other == AESTHETIC || self.city == 0 {
                    let later = day.plus(self.dice.days(30, 150));
                    self.episode(p, other, Some(later));
                }
            }
        }
    }

    fn family(&mut self) {
        for p in 2..self.patients.len() {
            self.patients[p].legacy = self.dice.chance(0.3);
            let age = (self.world.to.0 - self.patients[p].persona.birth.0) / 365;
            let first = self.episode(p, PEDIATRICS, None);
            if age >= 4 && self.city == 0 && self.dice.chance(0.35) {
                let later = first.map(|day| day.plus(self.dice.days(10, 120)));
                self.episode(p, DENTAL, later);
            }
        }
        if self.dice.chance(0.3) {
            self.episode(0, AESTHETIC, None);
        } else {
            self.companion(0, 0.2);
        }
        self.companion(1, 0.2);
    }

    /// A parent who may become a dental patient or only ask around.
    fn companion(&mut self, p: usize, treated: f64) {
        if p >= self.patients.len() {
            return;
        }
        if self.city == 0 && self.dice.chance(treated) {
            self.episode(p, DENTAL, None);
        } else if self.dice.chance(0.6) {
            self.onlooker(p);
        }
    }

    /// A site of a business line for someone of this city.
    fn site_of(&mut self, line: i64) -> usize {
        let code = match (line, self.city) {
            (OBGYN, 0) => "MH-SH-FE",
            (OBGYN, _) | (PEDIATRICS, 1) => "MH-HZ-FC",
            (PEDIATRICS, _) => {
                if self.dice.chance(0.8) {
                    "MH-SH-ET"
                } else {
                    "MH-SH-FE"
                }
            }
            (AESTHETIC, 0) => "BM-SH-YM",
            (AESTHETIC, _) => "DL-HZ-YM",
            (POSTPARTUM, _) => "MH-SH-YZ",
            _ => "MH-SH-KQ",
        };
        let sites = &self.world.org.sites;
        sites.iter().position(|site| site.code == code).expect("a site of org.csv")
    }

    /// Family ties between those who have a patient record.
    fn relations(&mut self) {
        let first = |patient: &Patient, story: &Story| {
            patient.records.first().map(|at| (story.records[*at].id, story.records[*at].seen))
        };
        let ids: Vec<_> = self.patients.iter().map(|patient| first(patient, &self.story)).collect();
        for (p, patient) in self.patients.iter().enumerate().skip(1) {
            let Some((own, own_seen)) = ids[p] else { continue };
            let ties: &[(usize, i64)] = match (patient.persona.child, p) {
                (true, 3) => &[(0, 1), (2, 4)],
                (true, _) => &[(0, 1), (1, 3)],
                _ => &[(0, 2)],
            };
            for (other, kind) in ties {
                if let Some((id, seen)) = ids[*other] {
                    let at = own_seen.max(seen).minutes(5);
                    let key = self.shared.next(Tab::Relation);
                    let row = crate::cell::row![key, id, own, *kind, at];
                    self.story.put(Tab::Relation, at, row);
                }
            }
        }
    }

    /// When a row of this moment came to be in the source.
    fn seen(&self, at: At) -> At {
        self.late.map_or(at, |late| late.max(at))
    }

    fn over(&self, day: Day) -> bool {
        day > self.world.to.plus(21)
    }
}
