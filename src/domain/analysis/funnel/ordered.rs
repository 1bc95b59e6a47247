//! Steps in order, other events may lie between, nothing but the whole window limits them.

use super::search::{Chains, Room};
use super::{Event, Rule, entries, within};

/// Adds the attempts of events that are sorted and of one key.
pub(super) fn attempts(events: &[Event], rule: &Rule, room: &mut Room, found: &mut Chains) {
    sort_places(events, usize::from(rule.steps), &mut room.places);
    room.follow(events, entries(events, rule), rule, found, |_, places, entry, chain| {
        follow_on(events, places, entry, rule.window, chain);
    });
}

/// Places of the events of each step.
fn sort_places(events: &[Event], steps: usize, places: &mut Vec<Vec<usize>>) {
    places.resize_with(steps, Vec::new);
    places.iter_mut().for_each(Vec::clear);
    for (place, event) in events.iter().enumerate() {
        if let Some(of_step) = places.get_mut(usize::from(event.step)) {
            of_step.push(place);
        }
    }
}

/// The chain from the entry at `place`: always the next event of the next step. No other chain
/// of this entry gets anywhere earlier.
fn follow_on(
    events: &[Event],
    places: &[Vec<usize>],
    place: usize,
    window: i64,
    chain: &mut Vec<usize>,
) {
    let start = events[place].at;
    chain.push(place);
    let mut last = place;
    for of_step in &places[1..] {
        let next = of_step.partition_point(|it| *it < last);
        match of_step.get(next) {
            Some(next) if within(start, events[*next].at, window) => last = *next,
            _ => break,
        }
        chain.push(last);
    }
}
