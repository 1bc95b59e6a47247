//! Rows of booking and care: appointments, visits, consults, and how they look at a given night.
use crate::cell::{Row, row};
use crate::story::{Kept, Who};
use crate::table::Tab;
use crate::time::At;
use crate::world::World;

/// How an appointment turned out.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// Asked for online, not yet looked at.
    Proposed,
    /// Waiting for confirmation.
    Pending,
    /// Still to come, or nobody recorded what happened.
    Open,
    Cancelled(At, &'static str),
    /// Recorded as missed at this time.
    Missed(At),
    Came {
        arrived: At,
        seated: At,
        done: At,
        /// When the front desk closed it.
        closed: At,
    },
}

/// `t_yy`.
#[derive(Debug, Clone)]
pub(crate) struct Appointment {
    pub(crate) id: i64,
    pub(crate) who: Who,
    pub(crate) site: usize,
    pub(crate) dept: i64,
    pub(crate) doctor: Option<i64>,
    pub(crate) consultant: Option<i64>,
    pub(crate) kind: i64,
    pub(crate) booked: At,
    pub(crate) start: At,
    pub(crate) minutes: i64,
    pub(crate) outcome: Outcome,
    pub(crate) lead: Option<String>,
    pub(crate) moved_from: Option<i64>,
    /// Taken out of the source again at this time.
    pub(crate) removed: Option<At>,
}

impl Appointment {
    /// Status number known at a moment: 0 proposed … 6 no-show.
    pub(crate) fn status(&self, cut: At) -> i64 {
        match &self.outcome {
            Outcome::Proposed => 0,
            Outcome::Pending => 1,
            Outcome::Cancelled(at, _) if *at <= cut => 5,
            Outcome::Missed(at) if *at <= cut => 6,
            Outcome::Came { closed, .. } if *closed <= cut => 4,
            Outcome::Came { arrived, .. } if *arrived <= cut => 3,
            _ => 2,
        }
    }

    pub(crate) fn lives(&self, cut: At) -> bool {
        self.booked <= cut && self.removed.is_none_or(|at| at > cut)
    }

    fn last_change(&self, cut: At) -> At {
        let last = match &self.outcome {
            Outcome::Cancelled(at, _) | Outcome::Missed(at) => *at,
            Outcome::Came { arrived, closed, .. } => {
                if *closed <= cut {
                    *closed
                } else {
                    *arrived
                }
            }
            _ => self.booked,
        };
        if last <= cut { last.max(self.booked) } else { self.booked }
    }
}

impl Kept for Appointment {
    const TAB: Tab = Tab::Appointment;

    fn changed(&self) -> At {
        let last = match &self.outcome {
            Outcome::Cancelled(at, _) | Outcome::Missed(at) => *at,
            Outcome::Came { closed, .. } => *closed,
            _ => self.booked,
        };
        last.max(self.removed.unwrap_or(last))
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        if !self.lives(cut) {
            return None;
        }
        let (mut arrived, mut seated, mut done, mut cancelled) = (None, None, None, None);
        match &self.outcome {
            Outcome::Came { arrived: a, seated: s, done: d, closed } => {
                arrived = (*a <= cut).then_some(*a);
                seated = (*s <= cut).then_some(*s);
                done = (*closed <= cut).then_some(*d);
            }
            Outcome::Cancelled(at, reason) if *at <= cut => cancelled = Some((*at, *reason)),
            _ => {}
        }
        Some(row![
            self.id,
            self.who.id,
            world.site_id(self.site),
            self.dept,
            self.doctor,
            self.consultant,
            self.kind,
            self.status(cut),
            self.booked,
            self.start,
            self.start.minutes(self.minutes),
            arrived,
            seated,
            done,
            cancelled.map(|(at, _)| at),
            cancelled.map(|(_, reason)| reason),
            self.lead.clone(),
            self.moved_from,
            self.last_change(cut)
        ])
    }
}

/// `t_jz`.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) id: i64,
    pub(crate) who: Who,
    pub(crate) site: usize,
    pub(crate) arrived: At,
    pub(crate) left: Option<At>,
    /// 1 first, 2 return, 3 repurchase, 4 recheck, 9 other.
    pub(crate) kind: i64,
    pub(crate) channel: Option<usize>,
    pub(crate) appointment: Option<i64>,
    pub(crate) doctor: i64,
    pub(crate) consultant: Option<i64>,
    /// When the row came to be in the source.
    pub(crate) seen: At,
}

impl Kept for Visit {
    const TAB: Tab = Tab::Visit;

    fn changed(&self) -> At {
        self.left.map_or(self.seen, |left| left.max(self.seen))
    }

    fn row(&self, cut: At, world: &World) -> Option<Row> {
        let left = self.left.filter(|left| *left <= cut);
        (self.seen <= cut).then(|| {
            row![
                self.id,
                self.who.id,
                world.site_id(self.site),
                self.arrived,
                left,
                self.kind,
                self.channel.map(|at| world.channels.all[at].code.clone()),
                self.appointment,
                self.doctor,
                self.consultant,
                left.map_or(self.seen, |left| left.max(self.seen))
            ]
        })
    }
}

/// `t_zx`.
#[derive(Debug, Clone)]
pub(crate) struct Consult {
    pub(crate) id: i64,
    pub(crate) visit: usize,
    pub(crate) visit_id: i64,
    pub(crate) consultant: i64,
    pub(crate) doctor: Option<i64>,
    pub(crate) interest: String,
    /// 0 pending, 1 won, 2 lost.
    pub(crate) outcome: i64,
    pub(crate) reason: Option<&'static str>,
    pub(crate) upsell: bool,
    pub(crate) start: At,
    pub(crate) end: At,
    pub(crate) seen: At,
}

impl Kept for Consult {
    const TAB: Tab = Tab::Consult;

    fn changed(&self) -> At {
        self.seen
    }

    fn row(&self, cut: At, _: &World) -> Option<Row> {
        (self.seen <= cut).then(|| {
            row![
                self.id,
                self.visit_id,
                self.consultant,
                self.doctor,
                &self.interest,
                self.outcome,
                self.reason,
                i64::from(self.upsell),
                self.start,
                self.end,
                self.seen
            ]
        })
    }
}
