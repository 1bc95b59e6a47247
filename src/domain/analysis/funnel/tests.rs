//! Published examples, then brute force over random event lists.

use super::*;

const MODES: [Mode; 3] = [Mode::Ordered, Mode::StrictOrder, Mode::AnyOrder];
const ENTRIES: [Entry; 3] = [Entry::Longest, Entry::First, Entry::Each];

/// Events one apart, `A` = step 0; letters beyond the steps are foreign.
fn letters(text: &str) -> Vec<Event> {
    let steps = text.bytes().enumerate();
    steps.map(|(at, letter)| (at as i64, letter - b'A')).collect()
}

fn far(text: &str, steps: u8, mode: Mode, entry: Entry) -> u8 {
    level(&mut letters(text), steps, 1_000, mode, entry)
}

/// Mixpanel's documentation: A 13:00, A 13:30, B 13:45, C 14:15, one hour.
#[test]
fn the_entry_decides_the_published_example() {
    let mut events = [(0, 0), (30, 0), (45, 1), (75, 2)];
    let mut of = |entry| attempts(&mut events, 3, 60, Mode::Ordered, entry);
    assert_eq!(of(Entry::First), [2]);
    assert_eq!(of(Entry::Longest), [3]);
    assert_eq!(of(Entry::Each), [2, 3]);
}

/// The examples of the ClickHouse and Doris documentation.
#[test]
fn strict_order_stops_at_a_foreign_or_repeated_event() {
    assert_eq!(far("ABDC", 3, Mode::StrictOrder, Entry::Longest), 2);
    assert_eq!(far("AABC", 3, Mode::StrictOrder, Entry::Longest), 3);
    assert_eq!(far("ABCBD", 4, Mode::StrictOrder, Entry::Longest), 3);
    assert_eq!(far("ABDC", 3, Mode::Ordered, Entry::Longest), 3);
    assert_eq!(far("ABCBD", 4, Mode::Ordered, Entry::Longest), 4);
    assert_eq!(far("AABC", 3, Mode::StrictOrder, Entry::First), 1);
}

#[test]
fn any_order_counts_distinct_steps_of_one_window() {
    assert_eq!(far("CBA", 3, Mode::AnyOrder, Entry::Longest), 3);
    assert_eq!(far("CBA", 3, Mode::Ordered, Entry::Longest), 1);
    let mut events = [(0, 1), (5, 0), (20, 2)];
    assert_eq!(level(&mut events, 3, 15, Mode::AnyOrder, Entry::Longest), 2);
    assert_eq!(level(&mut events, 3, 15, Mode::AnyOrder, Entry::First), 2);
    assert_eq!(level(&mut events, 3, 20, Mode::AnyOrder, Entry::Longest), 3);
}

#[test]
fn equal_instants_are_read_in_step_order() {
    let mut events = [(7, 2), (7, 1), (7, 0)];
    assert_eq!(level(&mut events, 3, 0, Mode::Ordered, Entry::First), 3);
    let mut foreign = [(7, FOREIGN), (7, 1), (7, 0)];
    assert_eq!(level(&mut foreign, 3, 0, Mode::StrictOrder, Entry::First), 2);
}

#[test]
fn nothing_entered_is_level_zero() {
    for (mode, entry) in pairs() {
        assert_eq!(level(&mut [], 3, 60, mode, entry), 0);
        assert_eq!(level(&mut [(0, FOREIGN)], 3, 60, mode, entry), 0);
        assert_eq!(level(&mut [(0, 0)], 0, 60, mode, entry), 0);
    }
    assert_eq!(level(&mut [(0, 1)], 3, 60, Mode::Ordered, Entry::Longest), 0);
    let mut extremes = [(i64::MIN, 0), (i64::MAX, 1)];
    assert_eq!(level(&mut extremes, 2, 10, Mode::Ordered, Entry::Longest), 1);
}

#[test]
fn parts_merge_to_the_same_level() {
    let (mut whole, mut left, mut right) =
        (Accumulator::default(), Accumulator::default(), Accumulator::default());
    for (index, (at, step)) in letters("BAACBC").into_iter().enumerate() {
        whole.push(at, step);
        if index % 2 == 0 { left.push(at, step) } else { right.push(at, step) }
    }
    right.merge(left.events());
    for (mode, entry) in pairs() {
        assert_eq!(right.attempts(3, 9, mode, entry), whole.attempts(3, 9, mode, entry));
        assert_eq!(right.level(3, 9, mode, entry), whole.level(3, 9, mode, entry));
    }
}

#[test]
fn levels_become_counts() {
    assert_eq!(reached([3, 0, 1, 2, 3], 3), [4, 3, 2]);
}

fn pairs() -> impl Iterator<Item = (Mode, Entry)> {
    MODES.into_iter().flat_map(|mode| ENTRIES.map(|entry| (mode, entry)))
}

/// The definition, word by word, with no regard for cost.
fn by_definition(events: &[Event], steps: u8, window: i64, mode: Mode, entry: Entry) -> Vec<u8> {
    let mut sorted = events.to_vec();
    sorted.sort();
    let entries: Vec<(usize, i64)> = sorted
        .iter()
        .enumerate()
        .filter(|(_, event)| event.1 == 0 || (mode == Mode::AnyOrder && event.1 < steps))
        .map(|(place, event)| (place, event.0))
        .collect();
    let chain = |place: usize, start: i64| match mode {
        Mode::Ordered => 1 + ordered_chain(&sorted, 1, steps, start, start + window),
        Mode::StrictOrder => (1..=steps)
            .rev()
            .find(|level| {
                (0..*level).all(|step| {
                    sorted
                        .get(place + usize::from(step))
                        .is_some_and(|it| it.1 == step && it.0 <= start + window)
                })
            })
            .unwrap_or(0),
        Mode::AnyOrder => distinct(&sorted, steps, start, start + window),
    };
    match entry {
        Entry::First => entries.iter().take(1).map(|it| chain(it.0, it.1)).collect(),
        Entry::Longest => entries.iter().map(|it| chain(it.0, it.1)).max().into_iter().collect(),
        Entry::Each if mode == Mode::AnyOrder => sorted
            .iter()
            .filter(|event| event.1 == 0)
            .filter_map(|event| {
                let opens = entries.iter().map(|it| it.1);
                opens
                    .filter(|open| *open <= event.0 && event.0 <= open + window)
                    .map(|open| distinct(&sorted, steps, open, open + window))
                    .max()
            })
            .collect(),
        Entry::Each => entries.iter().map(|it| chain(it.0, it.1)).collect(),
    }
}

/// Tries every event for every next step.
fn ordered_chain(events: &[Event], step: u8, steps: u8, from: i64, until: i64) -> u8 {
    if step == steps {
        return 0;
    }
    events
        .iter()
        .filter(|event| event.1 == step && event.0 >= from && event.0 <= until)
        .map(|event| 1 + ordered_chain(events, step + 1, steps, event.0, until))
        .max()
        .unwrap_or(0)
}

fn distinct(events: &[Event], steps: u8, from: i64, until: i64) -> u8 {
    let held = |step: u8| events.iter().any(|it| it.1 == step && it.0 >= from && it.0 <= until);
    (0..steps).filter(|step| held(*step)).count() as u8
}

/// A small reproducible stream (splitmix64), so that a failure names its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[test]
fn random_lists_agree_with_the_definition() {
    for seed in 0..40_000 {
        let mut random = Random(seed);
        let steps = 1 + random.below(4) as u8;
        let window = random.below(12) as i64;
        let spread = 1 + random.below(20);
        let events: Vec<Event> = (0..random.below(11))
            .map(|_| {
                let step = random.below(u64::from(steps) + 1) as u8;
                (random.below(spread) as i64, if step == steps { FOREIGN } else { step })
            })
            .collect();
        for (mode, entry) in pairs() {
            let got = attempts(&mut events.clone(), steps, window, mode, entry);
            let wanted = by_definition(&events, steps, window, mode, entry);
            assert_eq!(
                got, wanted,
                "seed {seed}: {events:?}, {steps} steps, window {window}, {mode:?}, {entry:?}"
            );
        }
    }
}
