//! Steps in order with windows per step, strictly rising instants or excluded events.
//!
//! The next event of the next step is not always the right one here: a later one may keep the
//! step after it within reach, or come after an excluded event. Per step it is enough to know the
//! latest event a chain of this entry can fill it with, because a later one leaves more of the
//! step's window and fewer excluded events behind it.

use super::search::{Chains, Room};
use super::{Event, Rule, entries, within};

/// Adds the attempts of events that are sorted and of one key.
pub(super) fn attempts(events: &[Event], rule: &Rule, room: &mut Room, found: &mut Chains) {
    room.follow(events, entries(events, rule), rule, found, |reach, _, entry, chain| {
        follow_on(events, entry, rule, reach, chain);
    });
}

/// For each step, the instant of the latest event that a chain can fill it with.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Up to and with the current instant.
    now: Vec<Option<i64>>,
    /// Before the current instant.
    before: Vec<Option<i64>>,
    at: i64,
}

impl Reach {
    fn enter(&mut self, at: i64, steps: usize) {
        for of_steps in [&mut self.now, &mut self.before] {
            of_steps.clear();
            of_steps.resize(steps, None);
        }
        self.now[0] = Some(at);
        self.at = at;
    }

    fn pass_to(&mut self, at: i64) {
        if at > self.at {
            self.before.clone_from(&self.now);
            self.at = at;
        }
    }
}

/// Where each level is reached first by a chain from the entry at `place`.
fn follow_on(
    events: &[Event],
    place: usize,
    rule: &Rule,
    reach: &mut Reach,
    levels: &mut Vec<usize>,
) {
    let start = events[place].at;
    reach.enter(start, usize::from(rule.steps));
    levels.push(place);
    for (offset, event) in events[place + 1..].iter().enumerate() {
        if !within(start, event.at, rule.window) || levels.len() == usize::from(rule.steps) {
            break;
        }
        reach.pass_to(event.at);
        let step = usize::from(event.step);
        if step > 0 && event.step < rule.steps {
            let last = if rule.rising { reach.before[step - 1] } else { reach.now[step - 1] };
            if last.is_some_and(|last| within(last, event.at, rule.step_window(step))) {
                reach.now[step] = Some(event.at);
                if levels.len() == step {
                    levels.push(place + 1 + offset);
                }
            }
        }
        for exclusion in rule.exclusions.iter().filter(|it| it.event == event.step) {
            let range = usize::from(exclusion.after)..usize::from(exclusion.before);
            reach.now[range.clone()].fill(None);
            reach.before[range].fill(None);
        }
    }
}
