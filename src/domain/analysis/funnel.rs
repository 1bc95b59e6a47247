//! How far a unit (lead, visit, person, plan) got through the steps of a funnel.
//!
//! A chain of level k is k events that fill steps 1…k, all within `window` of the first one.
//! Equal instants are allowed (t1 ≤ t2 ≤ … ≤ tk ≤ t1 + window, the rule of ClickHouse
//! `windowFunnel`) unless the rule says `rising`; one event fills one step; events of one instant
//! are read in step order.
//!
//! | mode | a chain is |
//! |---|---|
//! | ordered | steps in order, anything may lie between |
//! | strict order | neighbouring events; a foreign or repeated event ends it |
//! | any order | any events of distinct steps |
//!
//! | entry | attempts of a unit |
//! |---|---|
//! | longest | one: the best chain, whichever entry it starts from; of equals the earliest |
//! | first | one: from the unit's first entry, later entries do not reset it (Mixpanel's rule) |
//! | each | every event of step 1 is an attempt of its own; later events may serve several |
//!
//! In any order, `first` looks at the window opened by the unit's first event of any step, and
//! `each` at the best window that holds the step 1 event, before or after it.
//!
//! An attempt is told by the event at which each level was reached first. Steps may have windows
//! of their own, counted from the event before; an excluded event ends chains that stand between
//! two steps; events of different keys never form a chain (properties held constant).
//!
//! Owns the rule for one unit. Must not know event names, tables or instants' units: `at` and
//! windows only have to share one.

mod any;
mod limited;
mod ordered;
mod search;
mod strict;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use crate::funnel::{FunnelEntry as Entry, FunnelMode as Mode};
pub use search::{Chains, Search};

/// The step of an event that belongs to no step; it matters in strict order only.
pub const FOREIGN: u8 = u8::MAX;

/// Something that happened to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Chains hold one key.
    pub key: u32,
    /// Instant.
    pub at: i64,
    /// Step from 0, an excluded event, or [`FOREIGN`].
    pub step: u8,
    /// What the caller wants back.
    pub tag: u32,
    /// Whether an attempt may begin here.
    pub enters: bool,
}

impl Event {
    /// An event that may begin an attempt, without key and tag.
    #[must_use]
    pub fn new(at: i64, step: u8) -> Self {
        Self { key: 0, at, step, tag: 0, enters: true }
    }
}

/// An event that ends chains between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The event: a number from `steps` on, or a step outside the range.
    pub event: u8,
    /// The range begins when this step is filled…
    pub after: u8,
    /// …and ends when that one is.
    pub before: u8,
}

/// What counts as an attempt and how far it may get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Number of steps.
    pub steps: u8,
    /// How steps follow.
    pub mode: Mode,
    /// Which attempt counts.
    pub entry: Entry,
    /// Longest time from the first event of a chain to its last.
    pub window: i64,
    /// Longest time to step 2, 3, … from the event before; not used in any order.
    pub step_windows: Vec<i64>,
    /// Whether each event must lie later than the one before; not used in any order.
    pub rising: bool,
    /// Events that end chains; used in order only.
    pub exclusions: Vec<Exclusion>,
}

impl Rule {
    /// A rule with nothing but a window.
    #[must_use]
    pub fn new(steps: u8, window: i64, mode: Mode, entry: Entry) -> Self {
        let (step_windows, exclusions) = (Vec::new(), Vec::new());
        Self { steps, mode, entry, window, step_windows, rising: false, exclusions }
    }

    fn step_window(&self, step: usize) -> i64 {
        self.step_windows.get(step.wrapping_sub(1)).copied().unwrap_or(i64::MAX)
    }

    /// Whether only the whole window limits a chain.
    fn is_plain(&self) -> bool {
        let unlimited = self.step_windows.iter().all(|window| *window >= self.window);
        unlimited && !self.rising && self.exclusions.is_empty()
    }
}

/// One attempt: the event at which each level was reached first.
pub type Attempt = Vec<Event>;

/// Every attempt `rule` asks for, in time order; empty when the unit never entered.
///
/// Sorts `events` in place. Cost: the sort, then entries × steps for plain rules, entries × events
/// within a window otherwise. For many units see [`Search`].
pub fn attempts(events: &mut [Event], rule: &Rule) -> Vec<Attempt> {
    let (mut search, mut found) = (Search::new(rule), Chains::default());
    search.of_unit(events, &mut found);
    found.iter().map(<[Event]>::to_vec).collect()
}

/// Places of the events that fill `step` and may begin an attempt. The first attempt of all is
/// looked at before it is known whether it counts.
fn entries(events: &[Event], rule: &Rule) -> impl Iterator<Item = usize> {
    let any = rule.entry == Entry::First;
    let all = events.iter().enumerate();
    all.filter(move |(_, it)| it.step == 0 && (any || it.enters)).map(|(place, _)| place)
}

/// How many of `levels` reached each of the `steps`, first step first.
///
/// Give it one level per unit, or with `each` all attempts of all units.
pub fn reached(levels: impl IntoIterator<Item = usize>, steps: u8) -> Vec<u64> {
    let mut counts = vec![0; usize::from(steps)];
    for level in levels {
        for count in counts.iter_mut().take(level) {
            *count += 1;
        }
    }
    counts
}

/// Whether `at` lies within `window` of `start`; far apart instants do not overflow.
fn within(start: i64, at: i64, window: i64) -> bool {
    at.saturating_sub(start) <= window
}
