//! One visit from arrival to leaving: the sitting that all care and sales happen in.
use super::{Desk, Teller};
use crate::care::{Outcome, Visit};
use crate::catalogue::Use;
use crate::cell::row;
use crate::staff::NURSE;
use crate::story::Who;
use crate::table::Tab;
use crate::time::At;

/// SOP step numbers of `t_lc`.
pub(super) mod step {
    pub(crate) const TRIAGE: i64 = 1;
    pub(crate) const CONSULT: i64 = 2;
    pub(crate) const ORDER: i64 = 3;
    pub(crate) const PAY: i64 = 4;
    pub(crate) const EXAM: i64 = 5;
    pub(crate) const TREAT: i64 = 6;
    pub(crate) const RECHECK: i64 = 7;
    pub(crate) const STERILISE: i64 = 9;
}

/// A visit in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sitting {
    pub(super) p: usize,
    pub(super) who: Who,
    pub(super) desk: Desk,
    pub(super) visit: usize,
    pub(super) visit_id: i64,
    pub(super) encounter: i64,
    pub(super) kind: i64,
    pub(super) seated: At,
    pub(super) now: At,
    appointment: Option<usize>,
    pub(super) treated: bool,
}

impl Sitting {
    pub(super) fn first(&self) -> bool {
        self.kind == 1
    }
}

const DIAGNOSES: [[&str; 4]; 6] = [
    ["Z00.0", "Z76.9", "Z71.9", "R69"],
    ["Z34.0", "N76.0", "N92.6", "Z01.4"],
    ["J06.9", "Z00.1", "Z23", "R50.9"],
    ["L81.1", "L90.8", "Z41.1", "L57.0"],
    ["K02.1", "K04.0", "K05.1", "Z46.3"],
    ["Z39.2", "O92.7", "M62.0", "N81.9"],
];

impl Teller<'_> {
    /// The patient is at the desk around `start`.
    pub(super) fn arrive(
        &mut self,
        p: usize,
        desk: Desk,
        appointment: Option<usize>,
        start: At,
        again: i64,
        channel: Option<usize>,
    ) -> Sitting {
        let arrived = start.minutes(self.dice.between(-18, 15)).seconds(self.dice.between(0, 59));
        self.late = self.lateness(arrived);
        let who = self.record(p, desk.site, arrived.minutes(-2));
        let kind = self.visit_kind(p, desk, again);
        for own in self.patients[p].desks.iter_mut().filter(|own| own.site == desk.site) {
            own.visited = true;
        }
        let seated = arrived.minutes(self.dice.skewed(11.0) as i64 + 2);
        let visit_id = self.shared.next(Tab::Visit);
        // A few reception clerks leave the channel empty.
        let channel = channel.filter(|_| !self.dice.chance(0.02));
        self.story.visits.push(Visit {
            id: visit_id,
            who,
            site: desk.site,
            arrived,
            left: None,
            kind,
            channel,
            appointment: appointment.map(|at| self.story.appointments[at].id),
            doctor: desk.doctor,
            consultant: desk.consultant,
            seen: self.seen(arrived),
        });
        let mut sitting = Sitting {
            p,
            who,
            desk,
            visit: self.story.visits.len() - 1,
            visit_id,
            encounter: self.shared.next(Tab::Encounter),
            kind,
            seated,
            now: arrived.minutes(2),
            appointment,
            treated: false,
        };
        let nurse = self.helper(&sitting, NURSE);
        self.step(&sitting, step::TRIAGE, nurse);
        sitting.now = seated;
        sitting
    }

    fn visit_kind(&mut self, p: usize, desk: Desk, again: i64) -> i64 {
        let known = self.patients[p].desks.iter().any(|own| own.site == desk.site && own.visited);
        if !known {
            return 1;
        }
        if self.dice.chance(0.015) { 9 } else { again }
    }

    /// A few visits of the last weeks are typed in later, from paper.
    fn lateness(&mut self, arrived: At) -> Option<At> {
        let to = self.world.to;
        let day = arrived.day();
        if to.plus(-20) <= day && day <= to.plus(-6) {
            return self.shared.plan.take_late_visit();
        }
        None
    }

    /// Records a step of the visit's process at the sitting's clock.
    pub(super) fn step(&mut self, sitting: &Sitting, code: i64, staff: Option<i64>) {
        let row = row![self.shared.next(Tab::Step), sitting.visit_id, code, sitting.now, staff];
        self.story.put(Tab::Step, self.seen(sitting.now), row);
    }

    /// Someone of a role at the sitting's site; in its department if possible.
    pub(super) fn helper(&mut self, sitting: &Sitting, role: i64) -> Option<i64> {
        let day = sitting.now.day();
        let staff = &self.world.staff;
        let mut team = staff.at(sitting.desk.site, role, Some(sitting.desk.dept), day);
        if team.is_empty() {
            team = staff.at(sitting.desk.site, role, None, day);
        }
        self.dice.pick(&team).map(|member| member.id)
    }

    /// Performs an item; returns the procedure's id.
    pub(super) fn perform(
        &mut self,
        sitting: &mut Sitting,
        item: usize,
        line: Option<i64>,
        planned: Option<i64>,
    ) -> i64 {
        let id = self.shared.next(Tab::Procedure);
        let catalogue = &self.world.catalogue.items[item];
        let surgical = catalogue.usage == Use::Surgery;
        let minutes = if surgical { self.dice.between(45, 120) } else { self.dice.between(8, 35) };
        let start = sitting.now.minutes(1);
        let end = start.minutes(minutes);
        let consent = (surgical && !self.dice.chance(0.04)).then(|| format!("TY{id:08}"));
        let item_id = catalogue.id;
        let status = if self.dice.chance(0.006) { 2 } else { 1 };
        let row = row![
            id,
            sitting.encounter,
            sitting.who.id,
            self.world.site_id(sitting.desk.site),
            item_id,
            sitting.desk.doctor,
            start,
            end,
            planned,
            line,
            consent,
            status as i64,
            self.seen(end)
        ];
        self.story.put(Tab::Procedure, self.seen(end), row);
        sitting.now = end;
        id
    }

    /// The patient leaves: the visit, its encounter and its appointment are closed.
    pub(super) fn depart(&mut self, mut sitting: Sitting, class: i64) {
        if sitting.treated {
            let nurse = self.helper(&sitting, NURSE);
            sitting.now = sitting.now.minutes(3);
            self.step(&sitting, step::STERILISE, nurse);
        }
        let left = sitting.now.minutes(self.dice.between(3, 12));
        let seen = self.seen(left);
        self.story.visits[sitting.visit].left = Some(left);
        let diagnoses = DIAGNOSES[(sitting.desk.line as usize).min(5)];
        let diagnosis = self.dice.pick(&diagnoses).copied().filter(|_| !self.dice.chance(0.1));
        let row = |end: Option<At>, changed: At| {
            row![
                sitting.encounter,
                sitting.visit_id,
                sitting.desk.doctor,
                sitting.desk.dept,
                class,
                sitting.seated,
                end,
                diagnosis,
                changed
            ]
        };
        let mut versions = vec![(seen, row(Some(left), seen))];
        if class == 2 {
            // An inpatient stay is open in the source until the discharge.
            versions.insert(0, (sitting.seated, row(None, sitting.seated)));
        }
        self.story.put_versions(Tab::Encounter, versions);
        self.close_appointment(&sitting, left);
        self.contact_touch(&sitting);
        self.late = None;
    }

    fn close_appointment(&mut self, sitting: &Sitting, left: At) {
        let Some(at) = sitting.appointment else { return };
        let arrived = self.story.visits[sitting.visit].arrived;
        let tomorrow = arrived.day().plus(1);
        let mut seated = sitting.seated;
        let mut closed = left;
        let evening = arrived >= arrived.day().at(15, 0);
        let share = if arrived.day() == self.world.to { 0.45 } else { 0.12 };
        if (evening || arrived.day() == self.world.to) && self.dice.chance(share) {
            // The desk went home and closes yesterday's list in the morning.
            closed = tomorrow.at(8, 10);
            if self.dice.chance(0.4) {
                seated = tomorrow.at(8, 5);
            }
        }
        let done = left.max(seated);
        self.story.appointments[at].outcome = Outcome::Came { arrived, seated, done, closed };
    }

    fn contact_touch(&mut self, sitting: &Sitting) {
        let Some(customer) = self.patients[sitting.p].customer else { return };
        let visit = &self.story.visits[sitting.visit];
        let (at, channel) = (visit.arrived, visit.channel);
        let Some(channel) = channel.filter(|_| sitting.first()) else { return };
        let id = Some(self.story.customers[customer].id.clone());
        let row = self.touch(id.clone(), None, None, channel, None, "到访", "入", at);
        self.story.put(Tab::Touch, at, row);
        if self.dice.chance(0.12) {
            let later = at.days(self.dice.days(1, 9));
            let kind = if self.dice.chance(0.5) { "评价" } else { "分享" };
            let row = self.touch(id, None, None, channel, None, kind, "入", later);
            self.story.put(Tab::Touch, later, row);
        }
    }
}
