//! Steps in order, other events may lie between, nothing but the whole window limits them.

use super::{Event, Rule, entries, follow, within};

/// Attempts as places of events, which are sorted and of one key.
pub(super) fn attempts(events: &[Event], rule: &Rule) -> Vec<Vec<usize>> {
    let places = places(events, rule.steps);
    follow(entries(events, rule), rule, |place| from(events, &places, place, rule.window))
}

/// Places of the events of each step.
fn places(events: &[Event], steps: u8) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); usize::from(steps)];
    for (place, event) in events.iter().enumerate() {
        if event.step < steps {
            places[usize::from(event.step)].push(place);
        }
    }
    places
}

/// The chain from the entry at `place`: always the next event of the next step. No other chain
/// of this entry gets anywhere earlier.
fn from(events: &[Event], places: &[Vec<usize>], place: usize, window: i64) -> Vec<usize> {
    let start = events[place].at;
    let mut chain = vec![place];
    let mut last = place;
    for of_step in &places[1..] {
        let next = of_step.partition_point(|it| *it < last);
        match of_step.get(next) {
            Some(next) if within(start, events[*next].at, window) => last = *next,
            _ => break,
        }
        chain.push(last);
    }
    chain
}
