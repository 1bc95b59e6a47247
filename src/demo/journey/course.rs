//! Treatment over several visits: redeeming what was bought, stopping early, refunds, year cards.
use super::booking::{Booked, Wish};
use super::deal::{Pitch, PlanDraft};
use super::payment::origin;
use super::visit::{Sitting, step};
use super::{Teller, profile};
use crate::money::Redemption;
use crate::table::Tab;
use crate::time::{At, Day};

/// A course of treatment to be followed.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) from: Sitting,
    pub(super) bought: Vec<usize>,
    pub(super) interval: (i32, i32),
    /// No further visits from this day on.
    pub(super) until: Option<Day>,
    pub(super) plan: Option<PlanDraft>,
}

impl Teller<'_> {
    /// Follows a course to its end; returns the last moment the patient was there.
    pub(super) fn follow(&mut self, course: Course) -> Sitting {
        let cards: Vec<usize> = self.kind_of(&course.bought, false);
        for card in cards {
            self.year_card(card, &course.from);
        }
        let mut open = self.kind_of(&course.bought, true);
        let stops = self.dice.chance(0.15).then(|| self.dice.between(0, 4));
        let mut last = course.from;
        let (mut visits, mut fallen) = (0, 0);
        let mut completed = None;
        let mut resume = last.now;
        loop {
            open.retain(|at| self.story.entitlements[*at].left() > 0);
            if open.is_empty() {
                completed = (!course.bought.is_empty()).then_some(last.now);
                break;
            }
            if stops.is_some_and(|after| visits >= after) {
                self.interrupt(&last, &open);
                break;
            }
            let target = resume.day().plus(self.dice.days(course.interval.0, course.interval.1));
            if course.until.is_some_and(|until| target >= until) {
                break;
            }
            let site = last.desk.site;
            let desk = self.desk(last.p, site, last.desk.line, target.at(9, 0));
            let early = self.dice.chance(0.7);
            let wish = Wish {
                p: last.p,
                desk,
                kind: 2,
                booked: if early {
                    resume.minutes(4)
                } else {
                    target.plus(-2).at(11, 0).max(resume)
                },
                target,
                lead: None,
                moved_from: None,
                loose: 0.8,
            };
            match self.book(&wish) {
                Booked::Beyond => break,
                Booked::Fell(_, at) => {
                    fallen += 1;
                    if fallen > 3 {
                        break;
                    }
                    resume = resume.max(at);
                }
                Booked::Comes(appointment, start) => {
                    last = self.course_visit(&last, desk, appointment, start, &open);
                    resume = last.now;
                    visits += 1;
                }
            }
        }
        if let Some(plan) = course.plan {
            self.finish_plan(&plan, completed);
        }
        last
    }

    fn kind_of(&self, bought: &[usize], service: bool) -> Vec<usize> {
        let items = &self.world.catalogue.items;
        let is = |at: &usize| (items[self.story.entitlements[*at].item].kind == 1) == service;
        bought.iter().copied().filter(is).collect()
    }

    fn course_visit(
        &mut self,
        last: &Sitting,
        desk: super::Desk,
        appointment: usize,
        start: At,
        open: &[usize],
    ) -> Sitting {
        let profile = profile::of(desk.line);
        let channel = self.story.visits[last.visit].channel;
        let mut sitting = self.arrive(last.p, desk, Some(appointment), start, 2, channel);
        self.redeem(&mut sitting, open[0]);
        if open.len() > 1 && self.dice.chance(0.3) {
            self.redeem(&mut sitting, open[1]);
        }
        let doctor = self.world.staff.get(desk.doctor);
        let richer = doctor.map_or(1.0, |one| (2.0 - one.first_bill).max(0.5));
        if self.dice.chance(profile.consult_again) {
            let pitch = Pitch {
                consult: true,
                exam: false,
                chance: 0.55,
                richer,
                upsell: true,
                origin: origin::UPSELL,
            };
            let deal = self.sale(&mut sitting, pitch, None);
            if let Some(plan) = deal.plan {
                self.finish_plan(&plan, None);
            }
        } else if self.dice.chance(profile.pay_as_you_go) {
            let picks = self.small_picks(desk.line, richer);
            if !picks.is_empty() {
                self.order(&mut sitting, origin::RETURN, &picks);
            }
        } else if self.dice.chance(0.05) {
            let goods = self.picks_of(desk.line, crate::catalogue::Use::Goods);
            if !goods.is_empty() {
                self.order(&mut sitting, origin::RETAIL, &goods);
            }
        }
        self.after_visit(&sitting, true, false);
        self.depart(sitting, 1);
        sitting
    }

    /// Takes one time off an entitlement during a sitting.
    pub(super) fn redeem(&mut self, sitting: &mut Sitting, at: usize) {
        sitting.now = sitting.now.minutes(2);
        self.step(sitting, step::TREAT, Some(sitting.desk.doctor));
        let line = self.story.entitlements[at].line;
        let (item, planned) =
            (self.story.entitlements[at].item, self.story.entitlements[at].planned);
        let procedure = self.perform(sitting, item, Some(line), planned);
        sitting.treated = true;
        let (site, dept, doctor) = (sitting.desk.site, sitting.desk.dept, sitting.desk.doctor);
        self.take(at, 1, sitting.now, Some(procedure), site, dept, Some(doctor));
        if self.dice.chance(0.012) && self.late.is_none() {
            // Booked by mistake and undone the next day.
            let undone = sitting.now.day().plus(1).at(9, 30);
            if let Some(last) = self.story.entitlements[at].uses.last_mut() {
                last.undone = Some(undone);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one argument per fact of a redemption")]
    pub(super) fn take(
        &mut self,
        entitlement: usize,
        times: i64,
        at: At,
        procedure: Option<i64>,
        site: usize,
        dept: i64,
        performer: Option<i64>,
    ) {
        let id = self.shared.next(Tab::Redemption);
        let seen = self.seen(at);
        let owner = &mut self.story.entitlements[entitlement];
        owner.uses.push(Redemption {
            id,
            entitlement: owner.id,
            procedure,
            site,
            times,
            value: owner.unit * times,
            at,
            dept,
            performer,
            undone: None,
            seen,
        });
    }

    /// A year card is earned month by month.
    fn year_card(&mut self, at: usize, from: &Sitting) {
        for month in 0..12 {
            let when = from.now.day().plus(1 + month * 30).at(0, 40);
            if when > self.world.horizon() {
                break;
            }
            self.take(at, 1, when, None, from.desk.site, from.desk.dept, None);
        }
    }

    /// The patient stops coming; some ask their money back.
    fn interrupt(&mut self, last: &Sitting, open: &[usize]) {
        let plan_day = last.now.day().plus(45);
        self.task(last.who, last.desk.site, 4, last.now.days(40), plan_day);
        if !self.dice.chance(0.35) {
            return;
        }
        let at = last.now.day().plus(self.dice.days(8, 70)).at(self.dice.between(10, 17), 25);
        for entitlement in open {
            let owner = &self.story.entitlements[*entitlement];
            let (order, line, left, unit) = (owner.order, owner.line, owner.left(), owner.unit);
            let bill = &self.story.orders[order];
            let paid: i64 =
                bill.paid.iter().filter(|(when, _)| *when < at).map(|(_, paid)| paid).sum();
            if paid < bill.billed || left <= 0 {
                continue;
            }
            self.story.entitlements[*entitlement].refunded = Some((at, left));
            let reason =
                ["项目未做完退款", "客户搬离", "效果不满意"][self.dice.between(0, 2) as usize];
            self.refund(last, order, None, Some(line), left * unit, at, reason);
        }
    }
}
