//! Steps in any order within one window.

use std::collections::VecDeque;

use super::{Entry, Event, keep, within};

/// Levels of the attempts `entry` asks for; `events` are sorted.
pub(super) fn attempts(events: &[Event], steps: u8, window: i64, entry: Entry) -> Vec<u8> {
    let own: Vec<Event> = events.iter().copied().filter(|event| event.1 < steps).collect();
    let depths = depths(&own, steps, window);
    match entry {
        Entry::Longest | Entry::First => keep(depths.into_iter(), entry),
        Entry::Each => around_entries(&own, &depths, window),
    }
}

/// For every event, how many distinct steps its window holds from it on.
fn depths(events: &[Event], steps: u8, window: i64) -> Vec<u8> {
    let mut held = vec![0usize; usize::from(steps)];
    let mut distinct = 0;
    let mut end = 0;
    let mut depths = Vec::with_capacity(events.len());
    for &(start, step) in events {
        while let Some(&(at, next)) = events.get(end) {
            // The opening event itself belongs to its window, however short that is.
            if end > depths.len() && !within(start, at, window) {
                break;
            }
            let count = &mut held[usize::from(next)];
            distinct += u8::from(*count == 0);
            *count += 1;
            end += 1;
        }
        depths.push(distinct);
        let count = &mut held[usize::from(step)];
        *count -= 1;
        distinct -= u8::from(*count == 0);
    }
    depths
}

/// For every step 1 event, the deepest window that holds it: a sliding maximum.
fn around_entries(events: &[Event], depths: &[u8], window: i64) -> Vec<u8> {
    let mut levels = Vec::new();
    let mut best: VecDeque<usize> = VecDeque::new();
    for (place, &(at, step)) in events.iter().enumerate() {
        while best.back().is_some_and(|it| depths[*it] <= depths[place]) {
            best.pop_back();
        }
        best.push_back(place);
        while best.front().is_some_and(|it| *it != place && !within(events[*it].0, at, window)) {
            best.pop_front();
        }
        if step == 0 {
            levels.extend(best.front().map(|it| depths[*it]));
        }
    }
    levels
}
