//! The attempts of one unit after the other, in memory used again: there are millions of units.

use std::ops::Range;

use super::limited::Reach;
use super::{Entry, Event, Mode, Rule, any, limited, ordered, strict};

/// Chains of events, one after the other.
#[derive(Debug, Default)]
pub struct Chains {
    events: Vec<Event>,
    ends: Vec<usize>,
}

impl Chains {
    /// Every chain, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &[Event]> {
        self.ranges().map(|range| &self.events[range])
    }

    /// The events of all chains.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many chains there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.events.clear();
        self.ends.clear();
    }

    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }

    fn push(&mut self, events: impl Iterator<Item = Event>) {
        self.events.extend(events);
        self.ends.push(self.events.len());
    }
}

/// Looks for the attempts of units under one rule.
#[derive(Debug)]
pub struct Search<'a> {
    rule: &'a Rule,
    is_plain: bool,
    /// Of the unit at hand, over all its keys.
    found: Chains,
    order: Vec<Range<usize>>,
    room: Room,
}

/// What the modes fill, entry after entry.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Places of the events of each step.
    pub(super) places: Vec<Vec<usize>>,
    /// How far chains reach.
    pub(super) reach: Reach,
    chain: Vec<usize>,
    best: Vec<usize>,
}

impl<'a> Search<'a> {
    /// Nothing is looked at yet.
    #[must_use]
    pub fn new(rule: &'a Rule) -> Self {
        let (found, order, room) = (Chains::default(), Vec::new(), Room::default());
        Self { rule, is_plain: rule.is_plain(), found, order, room }
    }

    /// Adds every attempt of the unit of `events`, in time order, to `kept`; sorts `events`.
    pub fn of_unit(&mut self, events: &mut [Event], kept: &mut Chains) {
        if self.rule.steps == 0 {
            return;
        }
        events.sort_unstable();
        self.found.clear();
        for own in events.chunk_by(|a, b| a.key == b.key) {
            let (rule, found, room) = (self.rule, &mut self.found, &mut self.room);
            match rule.mode {
                Mode::Ordered if self.is_plain => ordered::attempts(own, rule, room, found),
                Mode::Ordered => limited::attempts(own, rule, room, found),
                Mode::StrictOrder => strict::attempts(own, rule, room, found),
                Mode::AnyOrder => any::attempts(own, rule, room, found),
            }
        }
        self.keep(kept);
    }

    /// Of the attempts of all keys, those that count for the unit.
    fn keep(&mut self, kept: &mut Chains) {
        let found = &self.found;
        self.order.clear();
        self.order.extend(found.ranges());
        // Of keys entered at one instant the deepest attempt comes first.
        let entered = |range: &Range<usize>| found.events[range.start];
        self.order.sort_by_key(|range| (entered(range).at, std::cmp::Reverse(range.len())));
        let counts: &[Range<usize>] = match self.rule.entry {
            Entry::Each => &self.order,
            Entry::First => match self.order.first() {
                Some(first) if entered(first).enters => std::slice::from_ref(first),
                _ => &[],
            },
            // Of equals the earliest.
            Entry::Longest => match self.order.iter().rev().max_by_key(|range| range.len()) {
                Some(best) => std::slice::from_ref(best),
                None => &[],
            },
        };
        for range in counts {
            kept.push(found.events[range.clone()].iter().copied());
        }
    }
}

impl Room {
    /// Of the attempts that `entries` of one key give, adds those worth keeping: nothing can beat
    /// the first, or a full chain. `from` fills in the places of the chain of an entry.
    pub(super) fn follow(
        &mut self,
        events: &[Event],
        entries: impl Iterator<Item = usize>,
        rule: &Rule,
        found: &mut Chains,
        mut from: impl FnMut(&mut Reach, &[Vec<usize>], usize, &mut Vec<usize>),
    ) {
        let Self { places, reach, chain, best } = self;
        let of = |places: &[usize], found: &mut Chains| {
            found.push(places.iter().map(|place| events[*place]));
        };
        best.clear();
        for entry in entries {
            chain.clear();
            from(reach, places, entry, chain);
            match rule.entry {
                Entry::Each => of(chain, found),
                Entry::First => return of(chain, found),
                Entry::Longest => {
                    if best.len() < chain.len() {
                        std::mem::swap(best, chain);
                    }
                    if best.len() == usize::from(rule.steps) {
                        break;
                    }
                }
            }
        }
        if !best.is_empty() {
            of(best, found);
        }
    }
}
