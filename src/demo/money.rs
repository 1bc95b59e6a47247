//! Rows of money: orders, lines, payments, refunds, entitlements, redemptions, and how they look
//! at a given night. Amounts are fen.
use crate::cell::{Fen, Hundredths, Row, row};
use crate::story::{Kept, Who};
use crate::table::Tab;
use crate::time::{At, Day};
use crate::world::World;

/// `t_sfd`; its status follows from draft, void and what has been paid.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) who: Who,
    pub(crate) visit: Option<(usize, i64)>,
    pub(crate) site: usize,
    pub(crate) at: At,
    pub(crate) consultant: Option<i64>,
    pub(crate) doctor: Option<i64>,
    pub(crate) origin: i64,
    pub(crate) draft: bool,
    pub(crate) void: Option<At>,
    pub(crate) billed: i64,
    /// Payments as (known at, amount).
    pub(crate) paid: Vec<(At, i64)>,
    /// Refunds as (known at, amount).
    pub(crate) refunded: Vec<(At, i64)>,
    pub(crate) seen: At,
}

impl Order {
    /// Draft and void orders bill nothing.
    pub(crate) fn counts(&self, cut: At) -> bool {
        self.seen <= cut && !self.draft && self.void.is_none_or(|at| at > cut)
    }

    fn status(&self, cut: At) -> i64 {
        let sum = |list: &[(At, i64)]| -> i64 {
            list.iter().filter(|(at, _)| *at <= cut).map(|(_, amount)| amount).sum()
        };
        let (paid, back) = (sum(&self.paid), sum(&self.refunded));
        if self.draft {
            0
        } else if self.void.is_some_and(|at| at <= cut) {
            4
        } else if back > 0 && back >= self.billed {
            5
        } else if paid >= self.billed {
            3
        } else if paid > 0 {
            2
        } else {
            1
        }
    }

    fn moments(&self) -> impl Iterator<Item = At> + '_ {
        let money = self.paid.iter().chain(&self.refunded).map(|(at, _)| *at);
        money.chain(self.void).chain([self.seen])
    }
}

impl Kept for Order {
    const TAB: Tab = Tab::Order;

    fn changed(&self) -> At {
        self.moments().max().unwrap_or(self.seen)
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        (self.seen <= cut).then(|| {
            row![
                self.id,
                self.who.id,
                self.visit.map(|(_, id)| id),
                world.site_id(self.site),
                self.at,
                self.consultant,
                self.doctor,
                self.status(cut),
                self.origin,
                self.moments().filter(|at| *at <= cut).max()
            ]
        })
    }
}

/// `t_sfmx`.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) order: usize,
    pub(crate) order_id: i64,
    pub(crate) item: usize,
    pub(crate) package: Option<usize>,
    pub(crate) quantity: i64,
    pub(crate) list: i64,
    pub(crate) sale: i64,
    pub(crate) coupon: i64,
    pub(crate) dept: i64,
    pub(crate) performer: Option<i64>,
    /// An entitlement stands behind the line: it is earned when redeemed.
    pub(crate) entitled: bool,
    pub(crate) removed: Option<At>,
    pub(crate) seen: At,
}

impl Line {
    pub(crate) fn billed(&self) -> i64 {
        self.sale - self.coupon
    }

    pub(crate) fn lives(&self, cut: At) -> bool {
        self.seen <= cut && self.removed.is_none_or(|at| at > cut)
    }
}

impl Kept for Line {
    const TAB: Tab = Tab::Line;

    fn changed(&self) -> At {
        self.removed.unwrap_or(self.seen)
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        let items = &world.catalogue.items;
        self.lives(cut).then(|| {
            row![
                self.id,
                self.order_id,
                items[self.item].id,
                self.package.map(|at| items[at].id),
                Hundredths(self.quantity * 100),
                Fen(self.list),
                Fen(self.sale),
                Fen(self.list - self.sale),
                Fen(self.coupon),
                Fen(self.billed()),
                self.dept,
                self.performer,
                self.seen
            ]
        })
    }
}

/// `t_sk`.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) id: i64,
    pub(crate) who: Who,
    pub(crate) site: usize,
    pub(crate) order: Option<(usize, i64)>,
    pub(crate) visit: Option<(usize, i64)>,
    pub(crate) at: At,
    pub(crate) method: &'static str,
    pub(crate) amount: i64,
    /// 1 cash, 2 top-up, 3 balance use, 6 insurance.
    pub(crate) kind: i64,
    pub(crate) seen: At,
}

impl Payment {
    pub(crate) fn is_cash(&self) -> bool {
        matches!(self.kind, 1 | 2 | 6)
    }
}

impl Kept for Payment {
    const TAB: Tab = Tab::Payment;

    fn changed(&self) -> At {
        self.seen
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        (self.seen <= cut).then(|| {
            row![
                self.id,
                self.who.id,
                world.site_id(self.site),
                self.order.map(|(_, id)| id),
                self.visit.map(|(_, id)| id),
                self.at,
                self.method,
                Fen(self.amount),
                self.kind,
                format!("P{:010}", self.id * 37),
                self.seen
            ]
        })
    }
}

/// `t_tf`.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) id: i64,
    pub(crate) payment: Option<i64>,
    pub(crate) line: Option<i64>,
    pub(crate) who: Who,
    pub(crate) site: usize,
    pub(crate) amount: i64,
    pub(crate) at: At,
    pub(crate) reason: &'static str,
    pub(crate) approver: Option<i64>,
}

impl Kept for Refund {
    const TAB: Tab = Tab::Refund;

    fn changed(&self) -> At {
        self.at
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        (self.at <= cut).then(|| {
            row![
                self.id,
                self.payment,
                self.line,
                self.who.id,
                world.site_id(self.site),
                Fen(self.amount),
                self.at,
                self.reason,
                self.approver,
                self.at
            ]
        })
    }
}

/// `t_qy`.
#[derive(Debug, Clone)]
pub(crate) struct Entitlement {
    pub(crate) id: i64,
    pub(crate) who: Who,
    pub(crate) site: usize,
    pub(crate) line: i64,
    pub(crate) order: usize,
    pub(crate) item: usize,
    /// The plan item it fulfils, when the sale followed a plan.
    pub(crate) planned: Option<i64>,
    pub(crate) total: i64,
    pub(crate) unit: i64,
    pub(crate) expires: Day,
    pub(crate) seen: At,
    pub(crate) uses: Vec<Redemption>,
    pub(crate) refunded: Option<(At, i64)>,
}

impl Entitlement {
    /// Times neither used nor given back, over everything the journey holds.
    pub(crate) fn left(&self) -> i64 {
        let used: i64 =
            self.uses.iter().filter(|one| one.undone.is_none()).map(|one| one.times).sum();
        self.total - used - self.refunded.map_or(0, |(_, times)| times)
    }

    fn used(&self, cut: At) -> i64 {
        self.uses.iter().filter(|one| one.counts(cut)).map(|one| one.times).sum()
    }

    fn moments(&self) -> impl Iterator<Item = At> + '_ {
        let uses = self.uses.iter().flat_map(|one| [Some(one.seen), one.undone]).flatten();
        uses.chain(self.refunded.map(|(at, _)| at)).chain([self.seen])
    }
}

impl Kept for Entitlement {
    const TAB: Tab = Tab::Entitlement;

    fn changed(&self) -> At {
        self.moments().max().unwrap_or(self.seen)
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        if self.seen > cut {
            return None;
        }
        let used = self.used(cut);
        let back = self.refunded.filter(|(at, _)| *at <= cut).map_or(0, |(_, times)| times);
        let left = self.total - used - back;
        let status = match (left, used) {
            (0, _) if back > 0 => 4,
            (0, _) => 3,
            (_, 0) => 1,
            _ => 2,
        };
        Some(row![
            self.id,
            self.who.id,
            world.site_id(self.site),
            self.line,
            world.catalogue.items[self.item].id,
            self.total,
            used,
            left,
            back,
            Fen(self.unit),
            self.expires,
            status as i64,
            self.moments().filter(|at| *at <= cut).max()
        ])
    }
}

/// `t_xh`.
#[derive(Debug, Clone)]
pub(crate) struct Redemption {
    pub(crate) id: i64,
    pub(crate) entitlement: i64,
    pub(crate) procedure: Option<i64>,
    pub(crate) site: usize,
    pub(crate) times: i64,
    pub(crate) value: i64,
    pub(crate) at: At,
    pub(crate) dept: i64,
    pub(crate) performer: Option<i64>,
    pub(crate) undone: Option<At>,
    pub(crate) seen: At,
}

impl Redemption {
    /// Booked and not undone.
    pub(crate) fn counts(&self, cut: At) -> bool {
        self.seen <= cut && self.undone.is_none_or(|at| at > cut)
    }
}

impl Kept for Redemption {
    const TAB: Tab = Tab::Redemption;

    fn changed(&self) -> At {
        self.undone.unwrap_or(self.seen)
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        let undone = self.undone.filter(|at| *at <= cut);
        (self.seen <= cut).then(|| {
            row![
                self.id,
                self.entitlement,
                self.procedure,
                world.site_id(self.site),
                self.times,
                Fen(self.value),
                self.at,
                self.dept,
                self.performer,
                undone,
                undone.unwrap_or(self.seen)
            ]
        })
    }
}
