//! Sales at a visit: examination, consult, plan, order, and the treatment that follows at once.
use super::basket::Pick;
use super::payment::origin;
use super::visit::{Sitting, step};
use super::{Teller, profile};
use crate::care::Consult;
use crate::cell::{Fen, Hundredths, row};
use crate::org::DENTAL;
use crate::table::Tab;
use crate::time::At;

/// A treatment plan until the journey knows how it ends.
#[derive(Debug, Clone)]
pub(super) struct PlanDraft {
    id: i64,
    visit: Sitting,
    presented: At,
    signed: Option<At>,
    status: i64,
    total: i64,
    visible: At,
    /// Accepted items with their plan item ids.
    accepted: Vec<(usize, i64)>,
}

/// How a visit's sales went.
#[derive(Debug, Default)]
pub(super) struct Deal {
    pub(super) won: bool,
    /// Entitlements bought, by position.
    pub(super) bought: Vec<usize>,
    pub(super) plan: Option<PlanDraft>,
    pub(super) surgery: bool,
}

/// What a sales talk is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pitch {
    pub(super) consult: bool,
    pub(super) exam: bool,
    pub(super) chance: f64,
    pub(super) richer: f64,
    pub(super) upsell: bool,
    pub(super) origin: i64,
}

const LOST: [&str; 5] = ["价格高", "对比同行", "回去考虑", "家人反对", "怕痛"];

impl Teller<'_> {
    /// The sales part of a first visit.
    pub(super) fn first_sale(&mut self, sitting: &mut Sitting) -> Deal {
        let line = sitting.desk.line;
        let profile = profile::of(line);
        let doctor = self.world.staff.get(sitting.desk.doctor);
        let (close, richer) = doctor.map_or((0.6, 1.0), |one| (one.close, one.first_bill));
        let consult = self.dice.chance(profile.consult);
        let pitch = Pitch {
            consult,
            exam: self.dice.chance(profile.exam),
            chance: if consult { close } else { 0.8 },
            richer: if line == DENTAL { richer } else { 1.0 },
            upsell: false,
            origin: if sitting.first() { origin::FIRST } else { origin::REPURCHASE },
        };
        self.sale(sitting, pitch, None)
    }

    /// One sales talk; `wanted` replaces the drawn basket.
    pub(super) fn sale(
        &mut self,
        sitting: &mut Sitting,
        pitch: Pitch,
        wanted: Option<Vec<Pick>>,
    ) -> Deal {
        let line = sitting.desk.line;
        let seller = sitting.desk.consultant.and_then(|id| self.world.staff.get(id));
        let skips = seller.map_or(0.0, |one| one.skips);
        let early = pitch.exam && pitch.consult && self.dice.chance(skips);
        let exams = if pitch.exam { self.exam_picks(line) } else { Vec::new() };
        if early {
            self.examine(sitting, &exams, None);
        }
        let won = self.dice.chance(pitch.chance);
        if pitch.consult {
            self.consult(sitting, won, pitch.upsell);
        }
        let mut picks = exams.clone();
        if early && !won && self.dice.chance(0.6) {
            // Examined and never billed: what the skip rule is for.
            picks.clear();
        }
        let goods = if won {
            wanted.unwrap_or_else(|| self.deal_picks(line, pitch.richer))
        } else {
            Vec::new()
        };
        picks.extend(goods.iter().copied());
        let mut deal = Deal { won, ..Deal::default() };
        if pitch.consult && self.dice.chance(profile::of(line).plan) {
            deal.plan = Some(self.present(sitting, &goods, won));
        }
        if picks.is_empty() {
            return deal;
        }
        if pitch.consult && !won && self.dice.chance(0.12) {
            let quote = self.deal_picks(line, 1.0);
            self.write_order(sitting, pitch.origin, &quote, true);
        }
        let order = self.order(sitting, pitch.origin, &picks);
        if pitch.exam && !early {
            self.examine(sitting, &exams, Some(order));
        }
        if won && self.story.orders[order].void.is_none() {
            self.treat(sitting, order, &mut deal);
        }
        deal
    }

    fn consult(&mut self, sitting: &mut Sitting, won: bool, upsell: bool) {
        let Some(consultant) = sitting.desk.consultant else { return };
        let start = sitting.now.minutes(2);
        let end = start.minutes(self.dice.between(12, 45));
        sitting.now = start;
        self.step(sitting, step::CONSULT, Some(consultant));
        sitting.now = end;
        let pending = !won && self.dice.chance(0.05);
        let reason = self.dice.pick(&LOST).copied();
        let interest =
            ["项目咨询", "方案讨论", "价格咨询", "复诊加项"][self.dice.between(0, 3) as usize];
        self.story.consults.push(Consult {
            id: self.shared.next(Tab::Consult),
            visit: sitting.visit,
            visit_id: sitting.visit_id,
            consultant,
            doctor: Some(sitting.desk.doctor),
            interest: interest.to_owned(),
            outcome: if won {
                1
            } else if pending {
                0
            } else {
                2
            },
            reason: reason.filter(|_| !won && !pending),
            upsell,
            start,
            end,
            seen: self.seen(end),
        });
    }

    /// The line of an order that bills an item.
    pub(super) fn line_of(&self, order: usize, item: usize) -> Option<i64> {
        let mut lines = self.story.lines.iter();
        lines.find(|line| line.order == order && line.item == item).map(|line| line.id)
    }

    fn examine(&mut self, sitting: &mut Sitting, exams: &[Pick], order: Option<usize>) {
        for pick in exams {
            if self.world.catalogue.items[pick.item].code.starts_with("GH") {
                continue;
            }
            let line = order.and_then(|order| self.line_of(order, pick.item));
            sitting.now = sitting.now.minutes(3);
            self.step(sitting, step::EXAM, Some(sitting.desk.doctor));
            self.perform(sitting, pick.item, line, None);
        }
    }

    /// Does what was bought and can be done now.
    fn treat(&mut self, sitting: &mut Sitting, order: usize, deal: &mut Deal) {
        let own: Vec<(i64, usize, bool)> = self
            .story
            .lines
            .iter()
            .filter(|line| line.order == order && line.removed.is_none())
            .map(|line| (line.id, line.item, line.entitled))
            .collect();
        let accepted = deal.plan.as_ref().map(|plan| plan.accepted.clone()).unwrap_or_default();
        let planned =
            |item: usize| accepted.iter().find(|(own, _)| *own == item).map(|(_, id)| *id);
        for (id, item, entitled) in own {
            let catalogue = &self.world.catalogue.items[item];
            let service = catalogue.kind == 1 && !catalogue.excluded;
            deal.surgery |= catalogue.usage == crate::catalogue::Use::Surgery;
            if entitled || !service {
                continue;
            }
            sitting.now = sitting.now.minutes(2);
            self.step(sitting, step::TREAT, Some(sitting.desk.doctor));
            self.perform(sitting, item, Some(id), planned(item));
            sitting.treated = true;
        }
        let bought: Vec<usize> = (0..self.story.entitlements.len())
            .filter(|at| self.story.entitlements[*at].order == order)
            .collect();
        for at in &bought {
            let owner = &mut self.story.entitlements[*at];
            owner.planned = planned(owner.item);
        }
        if let Some(first) = bought.first().copied()
            && self.world.catalogue.items[self.story.entitlements[first].item].kind == 1
            && self.dice.chance(0.6)
        {
            self.redeem(sitting, first);
        }
        deal.bought = bought;
    }

    /// Puts a plan on paper with what was bought and what was declined.
    fn present(&mut self, sitting: &Sitting, goods: &[Pick], won: bool) -> PlanDraft {
        let id = self.shared.next(Tab::Plan);
        let presented = sitting.now;
        let signed = won.then(|| presented.minutes(2));
        let visible = self.seen(presented);
        let offered = self.deal_picks(sitting.desk.line, 1.0);
        let declined = if won && !self.dice.chance(0.3) { &[][..] } else { &offered[..] };
        let mut total = 0;
        let mut kept = Vec::new();
        let lines =
            goods.iter().map(|pick| (pick, true)).chain(declined.iter().map(|p| (p, false)));
        for (pick, accepted) in lines {
            let price = self.world.catalogue.items[pick.item].price;
            let amount = price * pick.quantity;
            let discount = amount * pick.discount / 100;
            total += amount - discount;
            let tooth = (sitting.desk.line == DENTAL)
                .then(|| format!("{}{}", self.dice.between(1, 4), self.dice.between(1, 8)));
            let plan_item = self.shared.next(Tab::PlanItem);
            if accepted {
                kept.push((pick.item, plan_item));
            }
            let row = row![
                plan_item,
                id,
                self.world.catalogue.items[pick.item].id,
                tooth,
                Hundredths(pick.quantity * 100),
                Fen(price),
                Fen(discount),
                signed.filter(|_| accepted),
                (!accepted).then_some("价格高"),
                visible
            ];
            self.story.put(Tab::PlanItem, visible, row);
        }
        let status = match (won, declined.is_empty()) {
            (true, true) => 2,
            (true, false) => 3,
            _ if self.dice.chance(0.5) => 4,
            _ => 1,
        };
        PlanDraft { id, visit: *sitting, presented, signed, status, total, visible, accepted: kept }
    }

    /// Writes the plan with its ending: completed at a moment, or left as it was.
    pub(super) fn finish_plan(&mut self, plan: &PlanDraft, completed: Option<At>) {
        let row = |status: i64, changed: At| {
            row![
                plan.id,
                plan.visit.who.id,
                self.world.site_id(plan.visit.desk.site),
                plan.visit.visit_id,
                plan.visit.desk.doctor,
                plan.visit.desk.consultant,
                plan.presented,
                plan.signed,
                status,
                Fen(plan.total),
                changed
            ]
        };
        let mut versions = vec![(plan.visible, row(plan.status, plan.visible))];
        if let Some(at) = completed.filter(|at| *at > plan.visible && plan.signed.is_some()) {
            versions.push((at, row(5, at)));
        }
        self.story.put_versions(Tab::Plan, versions);
    }
}
