//! Steps in order with nothing between: any other event ends the chain.

use super::{Entry, Event, keep, within};

/// Levels of the attempts `entry` asks for; `events` are sorted.
pub(super) fn attempts(events: &[Event], steps: u8, window: i64, entry: Entry) -> Vec<u8> {
    let entries = events.iter().enumerate().filter(|(_, event)| event.1 == 0);
    keep(entries.map(|(place, _)| from(&events[place..], steps, window)), entry)
}

/// The level of the chain that starts with the first of `events`.
fn from(events: &[Event], steps: u8, window: i64) -> u8 {
    let start = events[0].0;
    let mut level = 1;
    for &(at, step) in &events[1..] {
        if level == steps || step != level || !within(start, at, window) {
            break;
        }
        level += 1;
    }
    level
}
