//! The lifecycle queries against a count by hand: one person, one line, one day after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{NaiveDate, TimeDelta};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::readers::Source;
use crate::readers::decode::rows;
use crate::readers::testing::{Fixture, day};

/// Days simulated; events lie inside.
const DAYS: i64 = 90;
const LINES: [&str; 2] = ["dental", "aesthetic"];
/// From which day on which thresholds hold: dormant after, churned after.
const RULES: [(i64, i64, i64); 3] = [(0, 6, 14), (40, 3, 20), (60, 9, 11)];

/// One thing a source tells about a person in a line.
#[derive(Debug, Clone)]
enum Event {
    Lead { on: i64 },
    Visit { on: i64, is_paid: bool },
    Booking { made: i64, due: i64, cancelled: Option<i64>, is_proposed: bool },
}

/// Events of persons, by person and line.
type World = Vec<[Vec<Event>; 2]>;
/// State by first day.
type Changes = BTreeMap<i64, &'static str>;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (0..DAYS).prop_map(|on| Event::Lead { on }),
        6 => (0..DAYS, any::<bool>()).prop_map(|(on, is_paid)| Event::Visit { on, is_paid }),
        3 => (0..DAYS, 0..30_i64, proptest::option::of(0..30_i64), prop::bool::weighted(0.1))
            .prop_map(|(made, ahead, cancelled, is_proposed)| {
                let cancelled = cancelled.filter(|after| *after <= ahead).map(|after| made + after);
                Event::Booking { made, due: made + ahead, cancelled, is_proposed }
            }),
    ]
}

/// What was known on `through`: nothing later, and no cancellation to come.
fn known(events: &[Event], through: i64) -> Vec<Event> {
    let known = events.iter().filter_map(|event| match *event {
        Event::Lead { on } | Event::Visit { on, .. } if on > through => None,
        Event::Booking { made, .. } if made > through => None,
        Event::Booking { made, due, cancelled, is_proposed } => {
            let cancelled = cancelled.filter(|on| *on <= through);
            Some(Event::Booking { made, due, cancelled, is_proposed })
        }
        ref event => Some(event.clone()),
    });
    known.collect()
}

/// The state of every day, from the first on which anything was known.
fn days(events: &[Event], through: i64) -> BTreeMap<i64, &'static str> {
    let (mut state, mut paid_days, mut last) = (None, 0, 0);
    let mut days = BTreeMap::new();
    for today in 0..=through {
        let is = |visits: &dyn Fn(bool) -> bool| {
            events.iter().any(|event| match event {
                Event::Visit { on, is_paid } => *on == today && visits(*is_paid),
                _ => false,
            })
        };
        let (came, paid) = (is(&|_| true), is(&|is_paid| is_paid));
        let is_asked = events.iter().any(|event| match event {
            Event::Lead { on } | Event::Booking { made: on, .. } => *on == today,
            Event::Visit { .. } => false,
        });
        if came {
            state = match state {
                _ if paid_days == 0 => Some(if paid { "first" } else { "visited_unpaid" }),
                Some("dormant" | "churned") => Some("reactivated"),
                _ if paid => Some("return"),
                other => other,
            };
            (paid_days, last) = (paid_days + i64::from(paid), today);
        } else if let Some(lapsed) = lapsed(events, today, today - last).filter(|_| paid_days > 0) {
            // Who is churned does not get better by waiting.
            state = if state == Some("churned") { state } else { Some(lapsed) };
        } else if state.is_none() && is_asked {
            state = Some("potential");
        }
        if let Some(state) = state {
            days.insert(today, state);
        }
    }
    days
}

/// What `away` days without a visit mean today.
fn lapsed(events: &[Event], today: i64, away: i64) -> Option<&'static str> {
    let is_held = events.iter().any(|event| match event {
        Event::Booking { made, due, cancelled, is_proposed: false } => {
            (*made..=*due).contains(&today) && cancelled.is_none_or(|on| today < on)
        }
        _ => false,
    });
    let (_, dormant, churned) = RULES.into_iter().rfind(|(from, ..)| *from <= today)?;
    match away {
        _ if is_held => None,
        away if away > churned => Some("churned"),
        away if away > dormant => Some("dormant"),
        _ => None,
    }
}

fn changes(days: &BTreeMap<i64, &'static str>) -> Changes {
    let before = |day: &i64| days.get(&(day - 1));
    days.iter().filter(|(day, state)| before(day) != Some(state)).map(|(d, s)| (*d, *s)).collect()
}

/// The most active state of every day.
fn group(lines: &[BTreeMap<i64, &'static str>]) -> BTreeMap<i64, &'static str> {
    let order =
        ["return", "reactivated", "first", "dormant", "churned", "visited_unpaid", "potential"];
    let here = |day: i64| lines.iter().filter_map(move |line| line.get(&day));
    (0..DAYS)
        .filter_map(|day| {
            let best = order.into_iter().find(|state| here(day).any(|own| own == state))?;
            Some((day, best))
        })
        .collect()
}

fn date(day_number: i64) -> NaiveDate {
    day("2026-01-01") + TimeDelta::days(day_number)
}

/// The queries' tables over what was known of `world` on `through`.
async fn fixture(world: &World, through: i64) -> Fixture {
    let fixture = Fixture::new("2026-12-31");
    let [mut visits, mut leads, mut bookings] = [const { String::new() }; 3];
    let mut number = 0;
    for (person, lines) in world.iter().enumerate() {
        for (line, events) in LINES.iter().zip(lines) {
            for event in known(events, through) {
                number += 1;
                let who = format!("'{number}', 'p{person}', '{line}'");
                // Infallible: text grows in memory.
                let _ = match event {
                    Event::Lead { on } => write!(leads, "({who}, '{}'),", date(on)),
                    Event::Visit { on, is_paid } => {
                        write!(visits, "({who}, '{}', {is_paid}),", date(on))
                    }
                    Event::Booking { made, due, cancelled, is_proposed } => {
                        let status = if is_proposed { "proposed" } else { "booked" };
                        // Shanghai is ahead: 20:00 UTC is the day after.
                        let at = |on: i64| format!("'{}T20:00:00'", date(on - 1));
                        let cancelled = cancelled.map_or_else(|| "null".to_owned(), at);
                        let (made, due) = (date(made), date(due));
                        write!(bookings, "({who}, '{status}', '{made}', '{due}', {cancelled}),")
                    }
                };
            }
        }
    }
    for (table, columns, values) in [
        ("visit", "visit_id, person_id, business_line, biz_date, is_paying", visits),
        ("lead", "lead_id, person_id, business_line, biz_date", leads),
        (
            "appointment",
            "appointment_id, person_id, business_line, status, booked_on, biz_date, cancelled_at",
            bookings,
        ),
    ] {
        if !values.is_empty() {
            fixture.fill(table, columns, values.trim_end_matches(',')).await;
        }
    }
    fixture.fill("data_through", "data_through", &format!("('{}')", date(through))).await;
    let rules = RULES.iter().enumerate().flat_map(|(index, (from, dormant, churned))| {
        LINES.map(|line| {
            let to = RULES.get(index + 1).map(|(next, ..)| format!("'{}'", date(next - 1)));
            let to = to.unwrap_or_else(|| "null".to_owned());
            let from = date(*from);
            format!("('{line}:{from}', '{line}', 1, {dormant}, {churned}, 5, '{from}', {to})")
        })
    });
    let columns = "rule_id, business_line, interrupted_days, dormant_days, churned_days, \
                   reactivation_days, effective_from, effective_to";
    fixture.fill("lifecycle_rule", columns, &rules.collect::<Vec<_>>().join(",")).await;
    for table in ["day", "lapse", "event", "group_event", "state", "change", "stock"] {
        fixture.make(&format!("lifecycle_{table}")).await;
    }
    fixture
}

/// Text cells of every row.
async fn found(fixture: &Fixture, sql: &str, columns: &[&str]) -> BTreeSet<Vec<String>> {
    let batches = fixture.fetch(sql, Vec::new()).await.expect("an answer");
    let cell = |row: &crate::readers::decode::Row<'_>, name: &&str| {
        row.text_opt(name).expect("text").unwrap_or_default().to_owned()
    };
    rows(&batches).map(|row| columns.iter().map(|name| cell(&row, name)).collect()).collect()
}

async fn compare(world: &World, through: i64) {
    let fixture = fixture(world, through).await;
    let (mut events, mut groups, mut now) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut stock: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for (person, lines) in world.iter().enumerate() {
        // All that is ever known decides the past as well as what was known then.
        let daily = lines.each_ref().map(|events| days(events, through));
        for (line, daily) in LINES.iter().zip(&daily) {
            for (day, state) in changes(daily) {
                events.insert(vec![
                    format!("p{person}"),
                    (*line).to_owned(),
                    date(day).to_string(),
                    state.to_owned(),
                ]);
            }
            for (day, state) in daily {
                *stock.entry((*day, state)).or_default() += 1;
            }
            if let Some(state) = daily.get(&through) {
                let row = [format!("p{person}"), (*line).to_owned(), (*state).to_owned()];
                now.insert(row.to_vec());
            }
        }
        for (day, state) in changes(&group(&daily)) {
            groups.insert(vec![format!("p{person}"), date(day).to_string(), state.to_owned()]);
        }
    }
    let sql = "select person_id, business_line, cast(biz_date as varchar) as day, to_state \
               from hub.lifecycle_event";
    let columns = ["person_id", "business_line", "day", "to_state"];
    assert_eq!(found(&fixture, sql, &columns).await, events);
    let sql = "select person_id, business_line, state from hub.lifecycle_state";
    assert_eq!(found(&fixture, sql, &["person_id", "business_line", "state"]).await, now);
    let sql = "select person_id, cast(biz_date as varchar) as day, to_state \
               from hub.lifecycle_group_event";
    assert_eq!(found(&fixture, sql, &["person_id", "day", "to_state"]).await, groups);
    let sql = "select cast(biz_date as varchar) as day, state, \
               cast(sum(persons) as varchar) as persons from hub.lifecycle_stock group by 1, 2";
    let wanted = stock
        .iter()
        .map(|((day, state), n)| vec![date(*day).to_string(), (*state).to_owned(), n.to_string()]);
    assert_eq!(found(&fixture, sql, &["day", "state", "persons"]).await, wanted.collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 60, ..Default::default() })]

    #[test]
    fn states_are_those_of_a_day_by_day_count(
        world in vec([vec(event(), 0..9), vec(event(), 0..5)], 60..200),
        through in DAYS / 2..DAYS,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(compare(&world, through));
    }
}
