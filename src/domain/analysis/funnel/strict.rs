//! Steps in order with nothing between: any other event ends the chain.

use super::{Event, Rule, entries, follow, within};

/// Attempts as places of events, which are sorted and of one key.
pub(super) fn attempts(events: &[Event], rule: &Rule) -> Vec<Vec<usize>> {
    follow(entries(events, rule), rule, |place| from(events, place, rule))
}

/// The chain that starts with the event at `place`.
fn from(events: &[Event], place: usize, rule: &Rule) -> Vec<usize> {
    let mut chain = vec![place];
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
    chain
}
