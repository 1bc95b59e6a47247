//! Steps in any order within one window.

use std::collections::VecDeque;

use super::search::{Chains, Room};
use super::{Entry, Event, Rule, within};

/// Adds the attempts of events that are sorted and of one key.
pub(super) fn attempts(events: &[Event], rule: &Rule, room: &mut Room, found: &mut Chains) {
    let own: Vec<usize> =
        (0..events.len()).filter(|place| events[*place].step < rule.steps).collect();
    let openings = match rule.entry {
        Entry::Each => around_entries(events, &own, &depths(events, &own, rule), rule.window),
        Entry::First => Vec::from_iter((!own.is_empty()).then_some(0)),
        Entry::Longest => {
            let depths = depths(events, &own, rule);
            let best = depths.iter().copied().max().filter(|depth| *depth > 0);
            let opening = best.and_then(|best| depths.iter().position(|depth| *depth == best));
            Vec::from_iter(opening)
        }
    };
    room.follow(events, openings.into_iter(), rule, found, |_, _, opening, chain| {
        window(events, &own[opening..], rule, chain);
    });
}

/// Places of the first event of each step in the window that the first of `own` opens.
fn window(events: &[Event], own: &[usize], rule: &Rule, levels: &mut Vec<usize>) {
    let mut seen = vec![false; usize::from(rule.steps)];
    let start = events[own[0]].at;
    for (index, place) in own.iter().enumerate() {
        // The opening event itself belongs to its window, however short that is.
        if index > 0 && !within(start, events[*place].at, rule.window) {
            break;
        }
        if !std::mem::replace(&mut seen[usize::from(events[*place].step)], true) {
            levels.push(*place);
        }
    }
}

/// For every own event, how many distinct steps its window holds from it on; none where no
/// attempt may begin.
fn depths(events: &[Event], own: &[usize], rule: &Rule) -> Vec<u8> {
    let mut held = vec![0usize; usize::from(rule.steps)];
    let mut distinct = 0;
    let mut end = 0;
    let mut depths = Vec::with_capacity(own.len());
    for place in own {
        let opening = events[*place];
        while let Some(next) = own.get(end).map(|place| events[*place]) {
            if end > depths.len() && !within(opening.at, next.at, rule.window) {
                break;
            }
            let count = &mut held[usize::from(next.step)];
            distinct += u8::from(*count == 0);
            *count += 1;
            end += 1;
        }
        depths.push(if opening.enters { distinct } else { 0 });
        let count = &mut held[usize::from(opening.step)];
        *count -= 1;
        distinct -= u8::from(*count == 0);
    }
    depths
}

/// For every step 1 event, the earliest of the deepest windows that hold it: a sliding maximum.
fn around_entries(events: &[Event], own: &[usize], depths: &[u8], window: i64) -> Vec<usize> {
    let mut openings = Vec::new();
    let mut best: VecDeque<usize> = VecDeque::new();
    for (index, place) in own.iter().enumerate() {
        let event = events[*place];
        while best.back().is_some_and(|it| depths[*it] < depths[index]) {
            best.pop_back();
        }
        best.push_back(index);
        let start = |opening: usize| events[own[opening]].at;
        while best.front().is_some_and(|it| *it != index && !within(start(*it), event.at, window)) {
            best.pop_front();
        }
        if event.step == 0 {
            openings.extend(best.front().copied().filter(|it| depths[*it] > 0));
        }
    }
    openings
}
