//! Steps in order with nothing between: any other event ends the chain.

use super::search::{Chains, Room};
use super::{Event, Rule, entries, within};

/// Adds the attempts of events that are sorted and of one key.
pub(super) fn attempts(events: &[Event], rule: &Rule, room: &mut Room, found: &mut Chains) {
    room.follow(events, entries(events, rule), rule, found, |_, _, entry, chain| {
        follow_on(events, entry, rule, chain);
    });
}

/// The chain that starts with the event at `place`.
fn follow_on(events: &[Event], place: usize, rule: &Rule, chain: &mut Vec<usize>) {
    chain.push(place);
    for pair in events[place..].windows(2) {
        let (last, next, level) = (pair[0], pair[1], chain.len());
        let follows = usize::from(next.step) == level && next.step < rule.steps;
        let in_time = within(events[place].at, next.at, rule.window)
            && within(last.at, next.at, rule.step_window(level))
            && !(rule.rising && next.at == last.at);
        if !follows || !in_time {
            break;
        }
        chain.push(place + level);
    }
}
