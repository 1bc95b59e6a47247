//! Orders and the money that follows them: payments, arrears, stored value, voids and refunds.
use super::Teller;
use super::basket::Pick;
use super::visit::{Sitting, step};
use crate::cell::{Fen, row};
use crate::money::{Entitlement, Line, Order, Payment, Refund};
use crate::table::Tab;
use crate::time::At;

/// Order origin numbers of `t_sfd.ly`.
pub(super) mod origin {
    pub(crate) const FIRST: i64 = 1;
    pub(crate) const RETURN: i64 = 2;
    pub(crate) const REPURCHASE: i64 = 3;
    pub(crate) const UPSELL: i64 = 4;
    pub(crate) const RETAIL: i64 = 5;
}

const METHODS: [&str; 5] = ["微信", "支付宝", "银行卡", "现金", "美团核销"];
const SHARES: [f64; 5] = [0.45, 0.25, 0.2, 0.05, 0.05];

impl Teller<'_> {
    /// Writes an order of this visit and lets the patient pay it; returns its position.
    pub(super) fn order(&mut self, sitting: &mut Sitting, origin: i64, picks: &[Pick]) -> usize {
        sitting.now = sitting.now.minutes(self.dice.between(1, 4));
        self.step(sitting, step::ORDER, sitting.desk.consultant);
        let order = self.write_order(sitting, origin, picks, false);
        self.plant_line(order);
        self.settle(sitting, order);
        order
    }

    /// Writes the order and its lines; nothing is paid.
    pub(super) fn write_order(
        &mut self,
        sitting: &Sitting,
        origin: i64,
        picks: &[Pick],
        draft: bool,
    ) -> usize {
        let id = self.shared.next(Tab::Order);
        let position = self.story.orders.len();
        let seen = self.seen(sitting.now);
        let mut billed = 0;
        for pick in picks {
            let line = self.line(sitting, position, id, *pick, seen);
            billed += line.billed();
            if line.entitled && !draft {
                self.entitle(sitting, position, &line, pick);
            }
            self.story.lines.push(line);
        }
        self.story.orders.push(Order {
            id,
            who: sitting.who,
            visit: Some((sitting.visit, sitting.visit_id)),
            site: sitting.desk.site,
            at: sitting.now,
            consultant: sitting.desk.consultant,
            doctor: Some(sitting.desk.doctor),
            origin,
            draft,
            void: None,
            billed,
            paid: Vec::new(),
            refunded: Vec::new(),
            seen,
        });
        position
    }

    fn line(
        &mut self,
        sitting: &Sitting,
        order: usize,
        order_id: i64,
        pick: Pick,
        seen: At,
    ) -> Line {
        let item = &self.world.catalogue.items[pick.item];
        // A year card is priced for the year and redeemed in twelfths.
        let price = if item.kind == 6 { item.price / pick.quantity } else { item.price };
        let unit = (price * (100 - pick.discount) / 100 / 100).max(1) * 100;
        let sale = unit * pick.quantity;
        Line {
            id: self.shared.next(Tab::Line),
            order,
            order_id,
            item: pick.item,
            package: pick.package,
            quantity: pick.quantity,
            list: price * pick.quantity,
            sale,
            coupon: if pick.entitled { 0 } else { pick.coupon.min(sale / 2) },
            dept: sitting.desk.dept,
            performer: Some(sitting.desk.doctor).filter(|_| !pick.entitled),
            entitled: pick.entitled,
            removed: None,
            seen,
        }
    }

    fn entitle(&mut self, sitting: &Sitting, order: usize, line: &Line, pick: &Pick) {
        let id = self.shared.next(Tab::Entitlement);
        self.story.entitlements.push(Entitlement {
            id,
            who: sitting.who,
            site: sitting.desk.site,
            line: line.id,
            order,
            item: line.item,
            planned: None,
            total: pick.quantity,
            unit: line.billed() / pick.quantity,
            expires: sitting.now.day().plus(730),
            seen: line.seen,
            uses: Vec::new(),
            refunded: None,
        });
    }

    /// A few mistaken lines are deleted from the source between nights.
    fn plant_line(&mut self, order: usize) {
        let to = self.world.to;
        let owner = &self.story.orders[order];
        let day = owner.at.day();
        let nights = self.world.cuts.len() as i32;
        if day < to.plus(-12) || day > to.plus(-nights - 1) || owner.seen != owner.at {
            return;
        }
        let Some(removed) = self.shared.plan.take_line_deletion() else { return };
        let Some(last) = self.story.lines.iter().rposition(|line| line.order == order) else {
            return;
        };
        let mut mistake = self.story.lines[last].clone();
        mistake.id = self.shared.next(Tab::Line);
        mistake.entitled = true;
        mistake.removed = Some(removed);
        self.story.lines.push(mistake);
    }

    fn settle(&mut self, sitting: &mut Sitting, order: usize) {
        let billed = self.story.orders[order].billed;
        sitting.now = sitting.now.minutes(self.dice.between(1, 6));
        let fate = self.dice.unit();
        if fate < 0.012 {
            // Billed and walked away.
            return;
        }
        let part = fate > 0.93 && billed > 100_000;
        let due = if part { billed * self.dice.between(30, 70) / 100 / 100 * 100 } else { billed };
        let desk = self.helper(sitting, 99);
        self.step(sitting, step::PAY, desk);
        self.collect(sitting, order, due);
        if part && self.dice.chance(0.65) {
            let later = sitting.now.days(self.dice.days(5, 40));
            self.pay(sitting, order, later, later, METHODS[0], billed - due, 1, false);
        }
        if fate < 0.016 {
            self.void(sitting, order);
        }
    }

    fn collect(&mut self, sitting: &Sitting, order: usize, due: i64) {
        let mut left = due;
        let now = sitting.now;
        let patient = &self.patients[sitting.p];
        let stored = patient.balance.min(left);
        let here = patient.balance_site == Some(sitting.desk.site);
        if stored > 0 && here && self.late.is_none() {
            self.pay(sitting, order, now, now, "储值", stored, 3, true);
            self.move_balance(sitting, -stored, now.seconds(10));
            left -= stored;
        }
        if left <= 0 {
            return;
        }
        let seen = self.seen(now);
        if matches!(sitting.desk.line, 1 | 2) && left > 20_000 && self.dice.chance(0.2) {
            let covered = left * 40 / 100;
            // Insurers post some settlements long after the visit.
            let posted = self.late_payment(now).unwrap_or(seen);
            self.pay(sitting, order, now, posted, "商保", covered, 6, true);
            left -= covered;
        }
        let method = METHODS[self.dice.weighted(&SHARES)];
        if left > 500_000 && self.dice.chance(0.25) {
            let half = left / 2;
            self.pay(sitting, order, now, seen, "银行卡", half, 1, true);
            left -= half;
        }
        self.pay(sitting, order, now, seen, method, left, 1, true);
    }

    fn late_payment(&mut self, now: At) -> Option<At> {
        let to = self.world.to;
        let day = now.day();
        if to.plus(-30) <= day && day <= to.plus(-6) && self.late.is_none() {
            return self.shared.plan.take_late_payment();
        }
        None
    }

    #[expect(clippy::too_many_arguments, reason = "one argument per fact of a receipt")]
    fn pay(
        &mut self,
        sitting: &Sitting,
        order: usize,
        at: At,
        seen: At,
        method: &'static str,
        amount: i64,
        kind: i64,
        on_site: bool,
    ) {
        if amount <= 0 {
            return;
        }
        let id = self.shared.next(Tab::Payment);
        let already: i64 = self.story.orders[order].paid.iter().map(|(_, paid)| paid).sum();
        self.allocate(id, order, already, amount, seen);
        let owner = &mut self.story.orders[order];
        owner.paid.push((seen, amount));
        self.story.payments.push(Payment {
            id,
            who: sitting.who,
            site: sitting.desk.site,
            order: Some((order, owner.id)),
            visit: on_site.then_some((sitting.visit, sitting.visit_id)),
            at,
            method,
            amount,
            kind,
            seen,
        });
    }

    /// Spreads a payment over the order's lines, first line first.
    fn allocate(&mut self, payment: i64, order: usize, already: i64, amount: i64, seen: At) {
        let (mut skip, mut left) = (already, amount);
        let lines: Vec<(i64, i64)> = self
            .story
            .lines
            .iter()
            .filter(|line| line.order == order && line.removed.is_none())
            .map(|line| (line.id, line.billed()))
            .collect();
        for (line, billed) in lines {
            let open = (billed - skip).max(0);
            skip = (skip - billed).max(0);
            let share = open.min(left);
            if share > 0 {
                left -= share;
                let row = row![payment, line, Fen(share), seen];
                self.story.put(Tab::Allocation, seen, row);
            }
        }
    }

    /// A bill taken back within the hour, with everything paid returned.
    fn void(&mut self, sitting: &Sitting, order: usize) {
        let at = sitting.now.minutes(20);
        let cash: Vec<(i64, i64)> = self
            .story
            .payments
            .iter()
            .filter(|one| one.order.is_some_and(|(own, _)| own == order) && one.is_cash())
            .map(|one| (one.id, one.amount))
            .collect();
        let spent: i64 = self.story.orders[order].paid.iter().map(|(_, paid)| paid).sum();
        let on_spot: i64 = cash.iter().map(|(_, amount)| amount).sum();
        let bought = self.story.entitlements.iter().any(|one| one.order == order);
        if on_spot != spent || bought || self.late.is_some() || cash.len() != 1 {
            return;
        }
        self.story.orders[order].void = Some(at);
        for (payment, amount) in cash {
            self.refund(sitting, order, Some(payment), None, amount, at, "开错单作废");
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one argument per fact of a refund")]
    pub(super) fn refund(
        &mut self,
        sitting: &Sitting,
        order: usize,
        payment: Option<i64>,
        line: Option<i64>,
        amount: i64,
        at: At,
        reason: &'static str,
    ) {
        let site = sitting.desk.site;
        let manager = self.world.staff.at(site, 8, None, at.day());
        let approver = self.dice.pick(&manager).map(|member| member.id);
        self.story.orders[order].refunded.push((at, amount));
        let id = self.shared.next(Tab::Refund);
        let who = sitting.who;
        let refund = Refund { id, payment, line, who, site, amount, at, reason, approver };
        self.story.refunds.push(refund);
    }

    /// Money put on the patient's account.
    pub(super) fn top_up(&mut self, sitting: &mut Sitting) {
        if self.late.is_some() {
            return;
        }
        sitting.now = sitting.now.minutes(3);
        let amount = [500_000, 1_000_000, 2_000_000, 3_000_000][self.dice.between(0, 3) as usize];
        let id = self.shared.next(Tab::Payment);
        let at = sitting.now;
        self.story.payments.push(Payment {
            id,
            who: sitting.who,
            site: sitting.desk.site,
            order: None,
            visit: Some((sitting.visit, sitting.visit_id)),
            at,
            method: METHODS[self.dice.weighted(&SHARES)],
            amount,
            kind: 2,
            seen: at,
        });
        self.move_balance(sitting, amount, at.seconds(5));
    }

    fn move_balance(&mut self, sitting: &Sitting, delta: i64, at: At) {
        let patient = &mut self.patients[sitting.p];
        patient.balance += delta;
        let payment = self.story.payments.last().map(|payment| payment.id);
        let row = row![
            self.shared.next(Tab::Balance),
            sitting.who.id,
            self.world.site_id(sitting.desk.site),
            at,
            Fen(delta),
            Fen(patient.balance),
            payment
        ];
        self.story.put(Tab::Balance, at, row);
    }
}
