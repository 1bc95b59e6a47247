//! A person's dealings with one business line: first contact, first visit, course, repurchase.
use super::booking::{Booked, Wish};
use super::course::Course;
use super::deal::{Deal, Pitch};
use super::lead::Entry;
use super::payment::origin;
use super::visit::Sitting;
use super::{Teller, profile};
use crate::time::{At, Day};

impl Teller<'_> {
    /// Tells an episode; returns the day of its first visit.
    pub(super) fn episode(&mut self, p: usize, line: i64, day: Option<Day>) -> Option<Day> {
        let site = self.site_of(line);
        let entry = self.acquire(p, line, site, day);
        if !entry.books {
            if let Some(lead) = entry.lead {
                let at = entry.at.days(self.dice.days(3, 25));
                self.lose(lead, at);
            }
            return None;
        }
        let mut sitting = self.first_arrival(p, site, line, &entry)?;
        let first = sitting.now.day();
        let mut deal = self.first_sale(&mut sitting);
        self.lead_result(entry.lead, &sitting, deal.won);
        self.maybe_top_up(&mut sitting);
        self.after_visit(&sitting, deal.won, deal.surgery);
        self.depart(sitting, 1);
        let plan = deal.plan.take();
        let mut last = self.follow_deal(sitting, deal, plan);
        for _ in 0..4 {
            if !self.dice.chance(profile::of(line).repurchase) {
                break;
            }
            match self.repurchase(&last) {
                Some(next) => last = next,
                None => break,
            }
        }
        Some(first)
    }

    pub(super) fn follow_deal(
        &mut self,
        sitting: Sitting,
        deal: Deal,
        plan: Option<super::deal::PlanDraft>,
    ) -> Sitting {
        if deal.bought.is_empty() {
            if let Some(plan) = plan {
                self.finish_plan(&plan, deal.won.then_some(sitting.now.days(1)));
            }
            return sitting;
        }
        let interval = profile::of(sitting.desk.line).interval;
        let bought = deal.bought;
        self.follow(Course { from: sitting, bought, interval, until: None, plan })
    }

    /// Books until the person comes for the first time, or gives up.
    pub(super) fn first_arrival(
        &mut self,
        p: usize,
        site: usize,
        line: i64,
        entry: &Entry,
    ) -> Option<Sitting> {
        if entry.lead.is_none() && self.dice.chance(0.6) {
            return self.walk_in(p, site, line, entry);
        }
        let mut booked = entry.at;
        let mut target = booked.day().plus(self.dice.days(0, 8));
        let mut moved_from = None;
        for _ in 0..3 {
            let desk = self.desk(p, site, line, target.at(9, 0));
            let lead = entry.lead;
            let wish = Wish { p, desk, kind: 1, booked, target, lead, moved_from, loose: 1.6 };
            match self.book(&wish) {
                Booked::Beyond => return None,
                Booked::Comes(appointment, start) => {
                    let channel = Some(entry.channel);
                    let sitting = self.arrive(p, desk, Some(appointment), start, 3, channel);
                    if let Some(lead) = entry.lead {
                        let arrived = self.story.visits[sitting.visit].arrived;
                        self.story.leads[lead].events.push((arrived, "已到诊"));
                    }
                    return Some(sitting);
                }
                Booked::Fell(position, at) => {
                    if !self.dice.chance(0.45) {
                        break;
                    }
                    moved_from = Some(self.story.appointments[position].id);
                    booked = at.minutes(self.dice.between(60, 2600));
                    target = booked.day().plus(self.dice.days(1, 9));
                }
            }
        }
        if let Some(lead) = entry.lead {
            let at = booked.days(self.dice.days(3, 20)).max(target.plus(2).at(18, 0));
            self.lose(lead, at);
        }
        None
    }

    fn walk_in(&mut self, p: usize, site: usize, line: i64, entry: &Entry) -> Option<Sitting> {
        let target = entry.at.day();
        let day = self.world.calendar.open_day(&mut self.dice, site, target);
        if day > self.world.to {
            return None;
        }
        let start = day.at(self.dice.between(9, 18), self.dice.between(0, 59));
        let desk = self.desk(p, site, line, start);
        Some(self.arrive(p, desk, None, start, 3, Some(entry.channel)))
    }

    pub(super) fn lead_result(&mut self, lead: Option<usize>, sitting: &Sitting, won: bool) {
        let Some(lead) = lead else { return };
        if won {
            self.story.leads[lead].events.push((sitting.now, "已成交"));
        } else if self.dice.chance(0.6) {
            let at = sitting.now.days(self.dice.days(5, 30));
            self.lose(lead, at);
        }
    }

    pub(super) fn maybe_top_up(&mut self, sitting: &mut Sitting) {
        let patient = &self.patients[sitting.p];
        let elsewhere = patient.balance_site.is_some_and(|site| site != sitting.desk.site);
        if !elsewhere && self.dice.chance(profile::of(sitting.desk.line).topup) {
            self.patients[sitting.p].balance_site = Some(sitting.desk.site);
            self.top_up(sitting);
        }
    }

    /// The person comes back for something new, by recall or on their own.
    fn repurchase(&mut self, last: &Sitting) -> Option<Sitting> {
        let target = last.now.day().plus(self.dice.days(25, 170));
        if target > self.world.to.plus(14) {
            return None;
        }
        let (site, line) = (last.desk.site, last.desk.line);
        let desk = self.desk(last.p, site, line, target.at(9, 0));
        let booked = target.plus(-self.dice.days(1, 12)).at(self.dice.between(9, 18), 12);
        let booked: At = booked.max(last.now.minutes(30));
        self.task(last.who, site, 6, booked.minutes(-20).max(last.now), booked.day());
        let kind = if self.dice.chance(0.25) { 4 } else { 1 };
        let wish = Wish {
            p: last.p,
            desk,
            kind,
            booked,
            target,
            lead: None,
            moved_from: None,
            loose: 1.0,
        };
        let Booked::Comes(appointment, start) = self.book(&wish) else { return None };
        let channel = self.story.visits[last.visit].channel;
        let again = if kind == 4 { 4 } else { 3 };
        let mut sitting = self.arrive(last.p, desk, Some(appointment), start, again, channel);
        let profile = profile::of(line);
        let doctor = self.world.staff.get(desk.doctor);
        let richer = doctor.map_or(1.0, |one| (2.0 - one.first_bill).max(0.5));
        let pitch = Pitch {
            consult: self.dice.chance(profile.consult * 0.8),
            exam: self.dice.chance(profile.exam * 0.4),
            chance: 0.78,
            richer,
            upsell: false,
            origin: origin::REPURCHASE,
        };
        let mut deal = self.sale(&mut sitting, pitch, None);
        self.maybe_top_up(&mut sitting);
        self.after_visit(&sitting, deal.won, deal.surgery);
        self.depart(sitting, 1);
        let plan = deal.plan.take();
        Some(self.follow_deal(sitting, deal, plan))
    }
}
