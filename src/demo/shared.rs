//! What households share while they are told in order: source ids, people who recommend the
//! group, and the counted deviations planted for the nights.
use crate::dice::Dice;
use crate::table::{TABS, Tab};
use crate::time::At;

/// Referrers kept at a time.
const RING: usize = 400;

/// State passed from household to household.
#[derive(Debug)]
pub(crate) struct Shared {
    counters: Vec<i64>,
    ring: Vec<(String, At)>,
    turn: usize,
    pub(crate) plan: NightPlan,
}

impl Shared {
    pub(crate) fn new(cuts: &[At], people: u64) -> Self {
        Self {
            counters: vec![100_000; TABS.len()],
            ring: Vec::new(),
            turn: 0,
            plan: NightPlan::new(cuts, people),
        }
    }

    /// The next id of a source table.
    pub(crate) fn next(&mut self, tab: Tab) -> i64 {
        let counter = &mut self.counters[tab as usize];
        *counter += 1;
        *counter
    }

    /// Keeps a satisfied customer as a possible referrer.
    pub(crate) fn remember(&mut self, customer: String, since: At) {
        if self.ring.len() < RING {
            self.ring.push((customer, since));
        } else {
            self.ring[self.turn % RING] = (customer, since);
            self.turn += 1;
        }
    }

    /// Somebody who was satisfied before `at`.
    pub(crate) fn referrer(&self, dice: &mut Dice, at: At) -> Option<String> {
        for _ in 0..6 {
            let (customer, since) = dice.pick(&self.ring)?;
            if *since < at {
                return Some(customer.clone());
            }
        }
        None
    }
}

/// Quotas of rows that are deleted, typed late or committed slowly, with the moments they show.
#[derive(Debug, Default)]
pub(crate) struct NightPlan {
    deletions: Vec<At>,
    line_deletions: Vec<At>,
    late_visits: Vec<At>,
    late_payments: Vec<At>,
    slow: usize,
    first_cut: Option<At>,
}

impl NightPlan {
    fn new(cuts: &[At], people: u64) -> Self {
        let mut plan = Self { first_cut: cuts.first().copied(), ..Self::default() };
        let many = 3 + (people / 10_000).min(20) as usize;
        for cut in cuts.iter().skip(1) {
            let day = cut.day();
            plan.deletions.extend(vec![day.at(11, 0); many]);
            plan.line_deletions.extend(vec![day.at(11, 30); 2]);
            plan.late_visits.extend(vec![day.at(16, 0); many + 1]);
            plan.late_payments.extend(vec![day.at(17, 0); many + 2]);
        }
        plan.slow = if cuts.len() > 1 { 6 } else { 0 };
        plan
    }

    pub(crate) fn take_deletion(&mut self) -> Option<At> {
        self.deletions.pop()
    }

    pub(crate) fn take_line_deletion(&mut self) -> Option<At> {
        self.line_deletions.pop()
    }

    pub(crate) fn take_late_visit(&mut self) -> Option<At> {
        self.late_visits.pop()
    }

    pub(crate) fn take_late_payment(&mut self) -> Option<At> {
        self.late_payments.pop()
    }

    /// When a row made at `made` shows, if its transaction is one of the slow ones: it carries
    /// its own time of change but appears only after the first night.
    pub(crate) fn slow_commit(&mut self, made: At) -> Option<At> {
        let cut = self.first_cut?;
        if self.slow == 0 || made <= cut.seconds(-20 * 3600) || made >= cut.seconds(-4 * 3600) {
            return None;
        }
        self.slow -= 1;
        Some(made.days(1))
    }
}
