//! What one household leaves behind in the sources, as typed rows that know their own history.
use crate::care::{Appointment, Consult, Visit};
use crate::cell::Row;
use crate::crm::{Customer, Lead, Record, Referral};
use crate::money::{Entitlement, Line, Order, Payment, Refund};
use crate::table::Tab;
use crate::time::At;
use crate::world::World;

/// A row whose content depends on when one looks.
pub(crate) trait Kept {
    const TAB: Tab;

    /// The last moment at which the row changes.
    fn changed(&self) -> At;

    /// The row as the source holds it at `cut`; `None` before it exists or after it was deleted.
    fn row(&self, cut: At, world: &World) -> Option<Row>;
}

/// A patient record, by position in the story and by source id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) record: usize,
    pub(crate) id: i64,
}

/// A row no other part needs to read back: its versions by the moment each became visible.
#[derive(Debug, Clone)]
pub(crate) struct Loose {
    pub(crate) tab: Tab,
    pub(crate) versions: Vec<(At, Row)>,
}

/// An answered survey (`t_dc`), kept for the truth beside its loose row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) site: usize,
    pub(crate) at: At,
    pub(crate) nps: bool,
    pub(crate) score: i64,
}

/// Everything of one household.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) records: Vec<Record>,
    pub(crate) customers: Vec<Customer>,
    pub(crate) leads: Vec<Lead>,
    pub(crate) referrals: Vec<Referral>,
    pub(crate) appointments: Vec<Appointment>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) consults: Vec<Consult>,
    pub(crate) orders: Vec<Order>,
    pub(crate) lines: Vec<Line>,
    pub(crate) payments: Vec<Payment>,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) entitlements: Vec<Entitlement>,
    pub(crate) answers: Vec<Answer>,
    /// Complaints as (site, moment).
    pub(crate) complaints: Vec<(usize, At)>,
    pub(crate) loose: Vec<Loose>,
}

impl Story {
    /// Adds a row that never changes.
    pub(crate) fn put(&mut self, tab: Tab, seen: At, row: Row) {
        self.loose.push(Loose { tab, versions: vec![(seen, row)] });
    }

    /// Adds a row with its versions in time order.
    pub(crate) fn put_versions(&mut self, tab: Tab, versions: Vec<(At, Row)>) {
        self.loose.push(Loose { tab, versions });
    }
}
