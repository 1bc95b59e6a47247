//! Steps in order, other events may lie between.

use super::{Entry, Event, keep, within};

/// Levels of the attempts `entry` asks for; `events` are sorted.
pub(super) fn attempts(events: &[Event], steps: u8, window: i64, entry: Entry) -> Vec<u8> {
    if entry == Entry::Longest {
        let best = longest(events, steps, window);
        return if best == 0 { Vec::new() } else { vec![best] };
    }
    let places = places(events, steps);
    let levels = places[0].iter().map(|place| from(events, &places, *place, window));
    keep(levels, entry)
}

/// The longest chain in one pass.
///
/// `latest[k]` is the latest entry from which a chain has filled step k so far. A later entry
/// leaves more of the window, so no other chain needs to be remembered.
fn longest(events: &[Event], steps: u8, window: i64) -> u8 {
    let mut latest: Vec<Option<i64>> = vec![None; usize::from(steps)];
    let mut best = 0;
    for &(at, step) in events.iter().filter(|event| event.1 < steps) {
        let index = usize::from(step);
        let start = if step == 0 { Some(at) } else { latest[index - 1] };
        if let Some(start) = start.filter(|start| within(*start, at, window)) {
            latest[index] = Some(start);
            best = best.max(step + 1);
        } else if step == 0 {
            best = best.max(1);
        }
    }
    best
}

/// Positions of the events of each step.
fn places(events: &[Event], steps: u8) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); usize::from(steps)];
    for (place, &(_, step)) in events.iter().enumerate() {
        if step < steps {
            places[usize::from(step)].push(place);
        }
    }
    places
}

/// The level reached from the entry at `place`: always the next event of the next step.
fn from(events: &[Event], places: &[Vec<usize>], place: usize, window: i64) -> u8 {
    let start = events[place].0;
    let mut last = place;
    let mut level = 1;
    for of_step in &places[1..] {
        let next = of_step.partition_point(|it| *it < last);
        match of_step.get(next) {
            Some(next) if within(start, events[*next].0, window) => last = *next,
            _ => break,
        }
        level += 1;
    }
    level
}
