//! Pregnancy to postpartum to paediatrics to aesthetics: the conversion the group lives from.
use super::booking::{Booked, Wish};
use super::course::Course;
use super::deal::Pitch;
use super::payment::origin;
use super::visit::{Sitting, step};
use super::{Teller, basket::Pick};
use crate::org::{AESTHETIC, OBGYN, PEDIATRICS, POSTPARTUM};
use crate::people::identity_card;
use crate::time::Day;

const MOTHER: usize = 0;
const BABY: usize = 2;

impl Teller<'_> {
    pub(super) fn expecting(&mut self) {
        let site = self.site_of(OBGYN);
        let entry = self.acquire(MOTHER, OBGYN, site, None);
        let week = self.dice.days(8, 26);
        let born = entry.at.day().plus((39 - week) * 7 + self.dice.days(-9, 9));
        if let Some(baby) = self.patients.get_mut(BABY) {
            baby.persona.birth = born;
            baby.persona.card = identity_card(baby.persona.serial, born, baby.persona.woman);
        }
        if !entry.books {
            if let Some(lead) = entry.lead {
                self.lose(lead, entry.at.days(14));
            }
            self.babies_first(born, 0.12);
            return;
        }
        let Some(mut sitting) = self.first_arrival(MOTHER, site, OBGYN, &entry) else {
            return;
        };
        let package = self.world.catalogue.by_code("FC90");
        let picks = self.package_picks(package, 0);
        let pitch = Pitch {
            consult: true,
            exam: true,
            chance: 0.72,
            richer: 1.0,
            upsell: false,
            origin: origin::FIRST,
        };
        let deal = self.sale(&mut sitting, pitch, Some(picks));
        self.lead_result(entry.lead, &sitting, deal.won);
        self.after_visit(&sitting, deal.won, false);
        self.depart(sitting, 1);
        if !deal.won {
            if let Some(plan) = deal.plan {
                self.finish_plan(&plan, None);
            }
            self.babies_first(born, 0.15);
            return;
        }
        let course = Course {
            from: sitting,
            bought: deal.bought,
            interval: (13, 24),
            until: Some(born.plus(-2)),
            plan: deal.plan,
        };
        let last = self.follow(course);
        if born <= last.now.day() || !self.dice.chance(0.93) {
            return;
        }
        self.delivery(&last, born);
    }

    fn delivery(&mut self, last: &Sitting, born: Day) {
        if born > self.world.to {
            return;
        }
        let caesarean = self.dice.chance(0.38);
        let item = self.world.catalogue.by_code(if caesarean { "FC15" } else { "FC14" });
        let site = last.desk.site;
        let start = born.at(self.dice.between(8, 16), self.dice.between(0, 59));
        let desk = self.desk(MOTHER, site, OBGYN, start);
        let channel = self.story.visits[last.visit].channel;
        let mut sitting = self.arrive(MOTHER, desk, None, start, 2, channel);
        self.late = None;
        let picks = [Pick { discount: 5, ..Pick::now(item) }];
        let order = self.order(&mut sitting, origin::RETURN, &picks);
        self.step(&sitting, step::TREAT, Some(desk.doctor));
        let line = self.line_of(order, item);
        self.perform(&mut sitting, item, line, None);
        sitting.treated = true;
        self.after_visit(&sitting, true, caesarean);
        sitting.now = born.plus(self.dice.days(3, 5)).at(10, 40);
        self.depart(sitting, 2);
        let share = if self.city == 0 { 0.55 } else { 0.12 };
        if self.dice.chance(share) {
            self.lying_in(born);
        }
        self.recheck(&sitting, born);
        let share = if self.patients.len() > BABY { 0.72 } else { 0.0 };
        self.babies_first(born, share);
        if self.dice.chance(0.22) {
            let later = born.plus(self.dice.days(110, 260));
            if later <= self.world.to {
                self.episode(MOTHER, AESTHETIC, Some(later));
            }
        }
    }

    /// Four weeks in the postpartum centre.
    fn lying_in(&mut self, born: Day) {
        let site = self.site_of(POSTPARTUM);
        let arrives = born.plus(self.dice.days(4, 5));
        if arrives > self.world.to {
            return;
        }
        let start = arrives.at(11, self.dice.between(0, 50));
        let desk = self.desk(MOTHER, site, POSTPARTUM, start);
        let channel = self.world.channels.by_code("REF-QY");
        let mut sitting = self.arrive(MOTHER, desk, None, start, 3, Some(channel));
        self.late = None;
        let package = self.world.catalogue.by_code("YZ90");
        let picks = self.package_picks(package, 0);
        let pitch = Pitch {
            consult: true,
            exam: true,
            chance: 0.97,
            richer: 1.0,
            upsell: false,
            origin: origin::FIRST,
        };
        let mut deal = self.sale(&mut sitting, pitch, Some(picks));
        self.after_visit(&sitting, true, false);
        if let Some(plan) = deal.plan.take() {
            self.finish_plan(&plan, None);
        }
        if let Some(stay) = deal.bought.first().copied() {
            let taken = self.story.entitlements[stay].left();
            let weeks = (taken + 6) / 7;
            for week in 1..=weeks {
                let times = 7.min(taken - 7 * (week - 1));
                let at = arrives.plus(week as i32 * 7).at(20, 15);
                self.take(stay, times, at, None, site, desk.dept, None);
            }
        }
        sitting.now = arrives.plus(28).at(10, 10);
        self.depart(sitting, 2);
        if self.dice.chance(0.4) {
            let package = self.world.catalogue.by_code("YZ91");
            self.rehab(&sitting, package, POSTPARTUM);
        }
    }

    /// The check six weeks after birth, and what it leads to.
    fn recheck(&mut self, last: &Sitting, born: Day) {
        let target = born.plus(42);
        let desk = self.desk(MOTHER, last.desk.site, OBGYN, target.at(9, 0));
        let booked = born.plus(3).at(10, 0);
        let wish = Wish {
            p: MOTHER,
            desk,
            kind: 4,
            booked,
            target,
            lead: None,
            moved_from: None,
            loose: 0.8,
        };
        let Booked::Comes(appointment, start) = self.book(&wish) else { return };
        let channel = self.story.visits[last.visit].channel;
        let mut sitting = self.arrive(MOTHER, desk, Some(appointment), start, 4, channel);
        let item = self.world.catalogue.by_code("FC16");
        let order = self.order(&mut sitting, origin::RETURN, &[Pick::now(item)]);
        self.step(&sitting, step::RECHECK, Some(desk.doctor));
        let line = self.line_of(order, item);
        self.perform(&mut sitting, item, line, None);
        sitting.treated = true;
        self.after_visit(&sitting, true, false);
        self.depart(sitting, 1);
        if self.dice.chance(0.4) {
            let package = self.world.catalogue.by_code("FC91");
            self.rehab(&sitting, package, OBGYN);
        }
    }

    /// A rehabilitation package bought at the next visit and followed.
    fn rehab(&mut self, last: &Sitting, package: usize, line: i64) {
        let target = last.now.day().plus(self.dice.days(3, 20));
        let desk = self.desk(MOTHER, last.desk.site, line, target.at(9, 0));
        let wish = Wish {
            p: MOTHER,
            desk,
            kind: 1,
            booked: last.now,
            target,
            lead: None,
            moved_from: None,
            loose: 0.8,
        };
        let Booked::Comes(appointment, start) = self.book(&wish) else { return };
        let channel = self.story.visits[last.visit].channel;
        let mut sitting = self.arrive(MOTHER, desk, Some(appointment), start, 3, channel);
        let picks = self.package_picks(package, 5);
        let pitch = Pitch {
            consult: true,
            exam: false,
            chance: 0.75,
            richer: 1.0,
            upsell: true,
            origin: origin::UPSELL,
        };
        let mut deal = self.sale(&mut sitting, pitch, Some(picks));
        self.after_visit(&sitting, deal.won, false);
        self.depart(sitting, 1);
        let plan = deal.plan.take();
        self.follow_deal(sitting, deal, plan);
    }

    fn babies_first(&mut self, born: Day, chance: f64) {
        let first = born.plus(self.dice.days(25, 45));
        if self.patients.len() > BABY && first <= self.world.to && self.dice.chance(chance) {
            self.episode(BABY, PEDIATRICS, Some(first));
        }
    }
}
