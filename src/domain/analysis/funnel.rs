//! How far a unit (lead, visit, person, plan) got through the steps of a funnel.
//!
//! A chain of level k is k events that fill steps 1…k, all within `window` of the first one.
//! Equal instants are allowed (t1 ≤ t2 ≤ … ≤ tk ≤ t1 + window, the rule of ClickHouse
//! `windowFunnel`); one event fills one step; events of one instant are read in step order.
//!
//! | mode | a chain is |
//! |---|---|
//! | ordered | steps in order, anything may lie between |
//! | strict order | neighbouring events; a foreign or repeated event ends it |
//! | any order | any events of distinct steps |
//!
//! | entry | attempts of a unit |
//! |---|---|
//! | longest | one: the best chain, whichever entry it starts from |
//! | first | one: from the unit's first entry, later entries do not reset it (Mixpanel's rule) |
//! | each | every event of step 1 is an attempt of its own; later events may serve several |
//!
//! In any order, `first` looks at the window opened by the unit's first event of any step, and
//! `each` at the best window that holds the step 1 event, before or after it.
//!
//! Owns the rule for one unit. Must not know event names, tables or instants' units: `at` and
//! `window` only have to share one.

mod any;
mod ordered;
mod strict;
#[cfg(test)]
mod tests;

pub use crate::funnel::{FunnelEntry as Entry, FunnelMode as Mode};

/// The step of an event that belongs to no step; it matters in strict order only.
pub const FOREIGN: u8 = u8::MAX;

/// An instant and the step (from 0) its event fills, [`FOREIGN`] for none.
pub type Event = (i64, u8);

/// The highest level of any attempt: 0 when the unit never entered, `steps` when it went through.
///
/// Sorts `events` in place; steps at or above `steps` count as [`FOREIGN`].
pub fn level(events: &mut [Event], steps: u8, window: i64, mode: Mode, entry: Entry) -> u8 {
    attempts(events, steps, window, mode, entry).into_iter().max().unwrap_or(0)
}

/// The level of every attempt, in time order; empty when the unit never entered.
///
/// Sorts `events` in place. Cost: the sort, then linear in events (times log for `each`).
pub fn attempts(events: &mut [Event], steps: u8, window: i64, mode: Mode, entry: Entry) -> Vec<u8> {
    if steps == 0 {
        return Vec::new();
    }
    events.sort_unstable();
    match mode {
        Mode::Ordered => ordered::attempts(events, steps, window, entry),
        Mode::StrictOrder => strict::attempts(events, steps, window, entry),
        Mode::AnyOrder => any::attempts(events, steps, window, entry),
    }
}

/// How many of `levels` reached each of the `steps`, first step first.
///
/// Give it one level per unit, or with `each` all attempts of all units.
pub fn reached(levels: impl IntoIterator<Item = u8>, steps: u8) -> Vec<u64> {
    let mut counts = vec![0; usize::from(steps)];
    for level in levels {
        for count in counts.iter_mut().take(usize::from(level)) {
            *count += 1;
        }
    }
    counts
}

/// Whether `at` lies within `window` of `start`; far apart instants do not overflow.
fn within(start: i64, at: i64, window: i64) -> bool {
    at.saturating_sub(start) <= window
}

/// Keeps one attempt of all, as `entry` asks.
fn keep(all: impl Iterator<Item = u8>, entry: Entry) -> Vec<u8> {
    match entry {
        Entry::Each => all.collect(),
        Entry::First => all.take(1).collect(),
        Entry::Longest => all.max().into_iter().collect(),
    }
}

/// The events of one unit while they arrive in any order, possibly in parts.
///
/// Levels need the events in time order, so an accumulator keeps them; its state is the plain
/// list, which parallel aggregates exchange and [`merge`](Self::merge).
#[derive(Debug, Clone, Default)]
pub struct Accumulator {
    events: Vec<Event>,
}

impl Accumulator {
    /// Adds one event.
    pub fn push(&mut self, at: i64, step: u8) {
        self.events.push((at, step));
    }

    /// Adds the events another accumulator holds.
    pub fn merge(&mut self, events: &[Event]) {
        self.events.extend_from_slice(events);
    }

    /// The events so far, in no particular order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// [`level`] of the events so far.
    pub fn level(&mut self, steps: u8, window: i64, mode: Mode, entry: Entry) -> u8 {
        level(&mut self.events, steps, window, mode, entry)
    }

    /// [`attempts`] of the events so far.
    pub fn attempts(&mut self, steps: u8, window: i64, mode: Mode, entry: Entry) -> Vec<u8> {
        attempts(&mut self.events, steps, window, mode, entry)
    }
}
