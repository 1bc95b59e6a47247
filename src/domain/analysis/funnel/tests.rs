//! Published examples, then brute force over random event lists.

use super::*;

const MODES: [Mode; 3] = [Mode::Ordered, Mode::StrictOrder, Mode::AnyOrder];
const ENTRIES: [Entry; 3] = [Entry::Longest, Entry::First, Entry::Each];

/// Events one apart, `A` = step 0; letters beyond the steps are foreign.
fn letters(text: &str) -> Vec<Event> {
    text.bytes().zip(0..).map(|(letter, at)| Event::new(at, letter - b'A')).collect()
}

fn list(events: &[(i64, u8)]) -> Vec<Event> {
    events.iter().map(|(at, step)| Event::new(*at, *step)).collect()
}

fn levels(mut events: Vec<Event>, rule: &Rule) -> Vec<usize> {
    attempts(&mut events, rule).iter().map(Vec::len).collect()
}

fn far(text: &str, steps: u8, mode: Mode, entry: Entry) -> usize {
    levels(letters(text), &Rule::new(steps, 1_000, mode, entry)).into_iter().max().unwrap_or(0)
}

/// Mixpanel's documentation: A 13:00, A 13:30, B 13:45, C 14:15, one hour.
#[test]
fn the_entry_decides_the_published_example() {
    let events = list(&[(0, 0), (30, 0), (45, 1), (75, 2)]);
    let of = |entry| levels(events.clone(), &Rule::new(3, 60, Mode::Ordered, entry));
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
    let events = list(&[(0, 1), (5, 0), (20, 2)]);
    let of = |window, entry| levels(events.clone(), &Rule::new(3, window, Mode::AnyOrder, entry));
    assert_eq!(of(15, Entry::Longest), [2]);
    assert_eq!(of(15, Entry::First), [2]);
    assert_eq!(of(20, Entry::Longest), [3]);
}

#[test]
fn equal_instants_are_read_in_step_order() {
    let events = list(&[(7, 2), (7, 1), (7, 0)]);
    let mut rule = Rule::new(3, 0, Mode::Ordered, Entry::First);
    assert_eq!(levels(events.clone(), &rule), [3]);
    rule.rising = true;
    assert_eq!(levels(events, &rule), [1]);
    let foreign = list(&[(7, FOREIGN), (7, 1), (7, 0)]);
    assert_eq!(levels(foreign, &Rule::new(3, 0, Mode::StrictOrder, Entry::First)), [2]);
}

/// The first B is in time for C only when the second one is not needed, and the other way round.
#[test]
fn a_step_window_may_need_a_later_event() {
    let events = list(&[(0, 0), (1, 1), (5, 1), (9, 2)]);
    let mut rule = Rule::new(3, 100, Mode::Ordered, Entry::Longest);
    rule.step_windows = vec![5, 4];
    let found = attempts(&mut events.clone(), &rule);
    let at: Vec<i64> = found[0].iter().map(|event| event.at).collect();
    assert_eq!(at, [0, 1, 9], "B was reached at 1, though C follows the B of 5");
    rule.step_windows = vec![4, 4];
    assert_eq!(levels(events, &rule), [2]);
}

#[test]
fn an_excluded_event_ends_the_chains_that_stand_between_its_steps() {
    let excluded = 3;
    let mut rule = Rule::new(3, 100, Mode::Ordered, Entry::Longest);
    rule.exclusions = vec![Exclusion { event: excluded, after: 1, before: 2 }];
    let of = |events: &[(i64, u8)]| levels(list(events), &rule)[0];
    assert_eq!(of(&[(0, 0), (1, 1), (2, excluded), (3, 2)]), 2);
    assert_eq!(of(&[(0, 0), (1, excluded), (2, 1), (3, 2)]), 3, "before the range");
    assert_eq!(of(&[(0, 0), (1, 1), (2, excluded), (3, 1), (4, 2)]), 3, "a later B");
    assert_eq!(of(&[(0, 0), (1, 1), (2, 2), (2, excluded)]), 3, "read after C of its instant");
}

#[test]
fn a_held_key_parts_the_events() {
    let mut events = letters("AABB");
    for (event, key) in events.iter_mut().zip([1, 2, 2, 2]) {
        event.key = key;
    }
    let of = |entry| levels(events.clone(), &Rule::new(2, 10, Mode::Ordered, entry));
    assert_eq!(of(Entry::Longest), [2]);
    assert_eq!(of(Entry::First), [1], "the first entry has the other key");
    assert_eq!(of(Entry::Each), [1, 2]);
}

#[test]
fn nothing_to_count_is_level_zero() {
    for (mode, entry) in pairs() {
        let rule = Rule::new(3, 60, mode, entry);
        assert!(levels(Vec::new(), &rule).is_empty());
        assert!(levels(list(&[(0, FOREIGN)]), &rule).is_empty());
        assert!(levels(list(&[(0, 0)]), &Rule::new(0, 60, mode, entry)).is_empty());
    }
    let rule = Rule::new(3, 60, Mode::Ordered, Entry::Longest);
    assert!(levels(list(&[(0, 1)]), &rule).is_empty());
    let rule = Rule::new(2, 10, Mode::Ordered, Entry::Longest);
    assert_eq!(levels(list(&[(i64::MIN, 0), (i64::MAX, 1)]), &rule), [1]);
}

#[test]
fn levels_become_counts() {
    assert_eq!(reached([3, 0, 1, 2, 3], 3), [4, 3, 2]);
}

fn pairs() -> impl Iterator<Item = (Mode, Entry)> {
    MODES.into_iter().flat_map(|mode| ENTRIES.map(|entry| (mode, entry)))
}

/// The definition, word by word, with no regard for cost: instants at which levels are reached.
fn by_definition(events: &[Event], rule: &Rule) -> Vec<Vec<i64>> {
    let mut keys: Vec<u32> = events.iter().map(|event| event.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut all: Vec<(i64, bool, Vec<i64>)> = Vec::new();
    for key in keys {
        let mut own: Vec<Event> = events.iter().copied().filter(|it| it.key == key).collect();
        own.sort_by_key(|it| (it.at, it.step));
        let mut found = of_key(&own, rule);
        if rule.entry == Entry::First {
            found.truncate(1);
        }
        all.extend(found);
    }
    all.sort_by_key(|it| (it.0, std::cmp::Reverse(it.2.len())));
    let entering = all.iter().filter(|it| it.1).map(|it| it.2.clone());
    match rule.entry {
        Entry::First => all.first().filter(|it| it.1).map(|it| it.2.clone()).into_iter().collect(),
        Entry::Each => entering.collect(),
        Entry::Longest => {
            let best = entering.clone().map(|it| it.len()).max();
            entering.filter(|it| Some(it.len()) == best).take(1).collect()
        }
    }
}

/// Opening instant, whether it may be one, and levels of every attempt there could be.
fn of_key(own: &[Event], rule: &Rule) -> Vec<(i64, bool, Vec<i64>)> {
    let opens = |it: &&Event| match rule.mode {
        Mode::AnyOrder => it.step < rule.steps,
        _ => it.step == 0,
    };
    let places = || own.iter().enumerate();
    if rule.mode == Mode::AnyOrder && rule.entry == Entry::Each {
        // Among the windows around each step 1 event, the deepest, of equals the earliest.
        let around = places().filter(|(_, it)| it.step == 0).filter_map(|(entry, event)| {
            let holding = own[..=entry].iter().enumerate().filter(|(_, it)| {
                it.step < rule.steps && it.enters && event.at - it.at <= rule.window
            });
            let windows: Vec<(i64, Vec<i64>)> =
                holding.map(|(place, it)| (it.at, any_window(own, rule, place))).collect();
            let best = windows.iter().map(|it| it.1.len()).max()?;
            windows.into_iter().find(|it| it.1.len() == best)
        });
        return around.map(|(at, levels)| (at, true, levels)).collect();
    }
    let chain = |place: usize| match rule.mode {
        Mode::AnyOrder => any_window(own, rule, place),
        _ => {
            let mut reached: Vec<Option<i64>> = vec![None; usize::from(rule.steps)];
            ordered(own, rule, &mut vec![place], &mut reached);
            reached.into_iter().map_while(|at| at).collect()
        }
    };
    let found = places().filter(|(_, it)| opens(it));
    found.map(|(place, it)| (it.at, it.enters, chain(place))).collect()
}

/// The window opened by the event at `place`, from that event on.
fn any_window(own: &[Event], rule: &Rule, place: usize) -> Vec<i64> {
    let first = |step: u8| {
        let inside = own[place..].iter().filter(|it| it.at - own[place].at <= rule.window);
        inside.filter(|it| it.step == step).map(|it| it.at).min()
    };
    let mut reached: Vec<i64> = (0..rule.steps).filter_map(first).collect();
    reached.sort_unstable();
    reached
}

/// Tries every event for every next step and keeps the earliest instant of each level.
fn ordered(own: &[Event], rule: &Rule, chain: &mut Vec<usize>, reached: &mut Vec<Option<i64>>) {
    if !is_chain(own, rule, chain) {
        return;
    }
    let level = chain.len() - 1;
    let at = own[chain[level]].at;
    reached[level] = Some(reached[level].map_or(at, |best| best.min(at)));
    if chain.len() == usize::from(rule.steps) {
        return;
    }
    for next in chain[level] + 1..own.len() {
        if usize::from(own[next].step) == chain.len() {
            chain.push(next);
            ordered(own, rule, chain, reached);
            chain.pop();
        }
    }
}

fn is_chain(own: &[Event], rule: &Rule, chain: &[usize]) -> bool {
    let at = |place: usize| own[place].at;
    let last = chain.len() - 1;
    let in_window = at(chain[last]) - at(chain[0]) <= rule.window;
    let stepwise = chain.windows(2).enumerate().all(|(step, pair)| {
        let limit = rule.step_windows.get(step).copied().unwrap_or(i64::MAX);
        at(pair[1]) - at(pair[0]) <= limit
            && (!rule.rising || at(pair[0]) < at(pair[1]))
            && (rule.mode == Mode::Ordered || pair[1] == pair[0] + 1)
    });
    let excluded = rule.exclusions.iter().any(|it| {
        let (after, before) = (usize::from(it.after), usize::from(it.before));
        after < last && {
            let until = chain[before.min(last)];
            (chain[after] + 1..until).any(|place| own[place].step == it.event)
        }
    });
    in_window && stepwise && !excluded
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

    fn rule(&mut self, mode: Mode, entry: Entry) -> Rule {
        let steps = 1 + self.below(4) as u8;
        let mut rule = Rule::new(steps, self.below(12) as i64, mode, entry);
        if mode != Mode::AnyOrder && self.below(2) == 0 {
            rule.rising = self.below(2) == 0;
            rule.step_windows = (1..steps).map(|_| self.below(8) as i64).collect();
        }
        if mode == Mode::Ordered && steps > 1 && self.below(2) == 0 {
            let after = self.below(u64::from(steps) - 1) as u8;
            let before = after + 1 + self.below(u64::from(steps - after) - 1) as u8;
            // An event of its own, or a step outside the range.
            let outside: Vec<u8> =
                (0..=steps).filter(|step| *step < after || *step > before).collect();
            let event = outside[self.below(outside.len() as u64) as usize];
            rule.exclusions.push(Exclusion { event, after, before });
        }
        rule
    }

    fn events(&mut self, steps: u8) -> Vec<Event> {
        let spread = 1 + self.below(20);
        let (keys, closed) = (1 + self.below(2), self.below(10) as i64);
        let event = |random: &mut Self| {
            let step = random.below(u64::from(steps) + 2) as u8;
            let step = if step > steps { FOREIGN } else { step };
            let mut event = Event::new(random.below(spread) as i64, step);
            event.key = random.below(keys) as u32;
            // A matter of the day, so events of one instant agree.
            event.enters = event.at % 5 != closed;
            event
        };
        (0..self.below(11)).map(|_| event(self)).collect()
    }
}

#[test]
fn random_lists_agree_with_the_definition() {
    for seed in 0..40_000 {
        for (mode, entry) in pairs() {
            let mut random = Random(seed);
            let rule = random.rule(mode, entry);
            let events = random.events(rule.steps);
            let got: Vec<Vec<i64>> = attempts(&mut events.clone(), &rule)
                .iter()
                .map(|attempt| attempt.iter().map(|event| event.at).collect())
                .collect();
            let wanted = by_definition(&events, &rule);
            assert_eq!(got, wanted, "seed {seed}: {events:?}, {rule:?}");
        }
    }
}
