//! Every type of metric against brute force over random rows, and its SQL view against the
//! readers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, Months, NaiveDate};
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{DimensionFilter, MetricsQuery, MetricsResult, rounded};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{Visible, answer};
use crate::readers::decode::rows;
use crate::readers::testing::{Fixture, day};

/// One metric of every type and aggregate, over visits, stored value and assignments.
const METRICS: &str = "\
family: every_type
metrics:
  - { id: t_visits, <<: &text { label_zh: 测, label_en: test, description: d, direction: up },
      unit: count, additive: true, type: simple, source: visit, aggregate: count, time: biz_date,
      dimensions: &dims { site: site_id } }
  - { id: t_cash, <<: *text, unit: fen, additive: true, type: simple, source: visit,
      aggregate: sum, expression: cash_fen, time: biz_date, dimensions: *dims }
  - { id: t_persons, <<: *text, unit: count, type: simple, source: visit,
      aggregate: count_distinct, expression: person_id, time: biz_date, dimensions: *dims }
  - { id: t_median, <<: *text, unit: fen, type: simple, source: visit, aggregate: median,
      expression: cash_fen, time: biz_date, dimensions: *dims }
  - { id: t_p90, <<: *text, unit: fen, type: simple, source: visit, aggregate: percentile,
      percentile: 0.9, expression: cash_fen, time: biz_date, dimensions: *dims }
  - { id: t_last, <<: *text, unit: count, gaps: last, type: simple, source: visit,
      aggregate: count, time: biz_date, dimensions: *dims }
  - { id: t_null, <<: *text, unit: count, gaps: 'null', type: simple, source: visit,
      aggregate: count, time: biz_date, dimensions: *dims }
  - { id: t_ratio, <<: *text, unit: fen, type: ratio, numerator: t_cash, denominator: t_visits }
  - { id: t_ratio_zero, <<: *text, unit: fen, gaps: zero, type: ratio, numerator: t_cash,
      denominator: t_persons }
  - { id: t_derived, <<: *text, unit: fen, type: derived,
      expression: (t_cash - 2 * t_cash / 3) / t_visits * t_persons + t_ratio_zero }
  - { id: t_days, <<: *text, unit: fen, type: cumulative, metric: t_cash, window: { days: 5 } }
  - { id: t_months, <<: *text, unit: count, type: cumulative, metric: t_persons,
      window: { months: 1 } }
  - { id: t_to_date, <<: *text, unit: fen, type: cumulative, metric: t_cash,
      window: { to_date: month } }
  - { id: t_share, <<: *text, unit: ratio, type: ratio, numerator: t_days,
      denominator: t_to_date }
  - { id: t_repeat, <<: *text, unit: ratio, type: conversion, within: { after: 1, days: 7 },
      base: { source: visit, entity: person_id, time: biz_date, dimensions: *dims },
      event: { source: visit, entity: person_id, time: biz_date, filter: cash_fen > 0 } }
  - { id: t_repeat_each, <<: *text, unit: ratio, mature: false, type: conversion,
      within: { after: 1, days: 7 },
      base: { source: visit, entity: person_id, time: biz_date, entry: each, dimensions: *dims },
      event: { source: visit, entity: person_id, time: biz_date,
        matching: event.site_id <> base.site_id } }
  - { id: t_value, <<: *text, unit: fen, type: cohort, within: { days: 10 },
      base: { source: visit, entity: person_id, time: biz_date, dimensions: *dims },
      event: { source: visit, entity: person_id, time: biz_date, aggregate: sum,
        expression: cash_fen } }
  - { id: t_balance, <<: *text, unit: fen, type: stock, source: account_txn, aggregate: sum,
      expression: delta_fen, stands: { movements: { time: biz_date } }, dimensions: *dims }
  - { id: t_reading, <<: *text, unit: fen, type: stock, source: account_txn, aggregate: sum,
      expression: balance_after_fen, stands: { reading: { time: biz_date, key: [person_id] } },
      dimensions: *dims }
  - { id: t_holders, <<: *text, unit: count, type: stock, source: account_txn,
      aggregate: count_distinct, expression: person_id, filter: balance_after_fen > 0,
      stands: { reading: { time: biz_date, key: [person_id] } }, dimensions: *dims }
  - { id: t_assigned, <<: *text, unit: count, type: stock, source: staff_assignment,
      aggregate: count, dimensions: { doctor: practitioner_id },
      stands: { interval: { from: from_on, until: to_on } } }
";

/// What the plain rule says of a metric over the rows of one site, or of all: for the days
/// `from` to `to`. The last day is the end of the period.
type Rule = fn(&Plain, Option<u8>, DateRange) -> Option<Decimal>;

/// Random rows and the last day of the data.
#[derive(Debug, Clone)]
struct Plain {
    /// Person, site, day, cash.
    visits: Vec<(u8, u8, NaiveDate, i64)>,
    /// Person, site, day, change; one per person and day.
    account: Vec<(u8, u8, NaiveDate, i64)>,
    through: NaiveDate,
}

impl Plain {
    fn seen(&self, site: Option<u8>, days: DateRange) -> Vec<(u8, u8, NaiveDate, i64)> {
        let kept = |(_, own, on, _): &&(u8, u8, NaiveDate, i64)| {
            site.is_none_or(|site| site == *own) && *on >= days.from && *on <= days.to
        };
        self.visits.iter().filter(kept).copied().collect()
    }

    fn cash(&self, site: Option<u8>, days: DateRange) -> Decimal {
        self.seen(site, days).iter().map(|(.., cash)| Decimal::from(*cash)).sum()
    }

    fn visit_count(&self, site: Option<u8>, days: DateRange) -> Decimal {
        Decimal::from(self.seen(site, days).len())
    }

    fn persons(&self, site: Option<u8>, days: DateRange) -> Decimal {
        let persons: BTreeSet<u8> = self.seen(site, days).iter().map(|it| it.0).collect();
        Decimal::from(persons.len())
    }

    fn quantile(&self, site: Option<u8>, days: DateRange, tenths: usize) -> Option<Decimal> {
        let mut cash: Vec<i64> = self.seen(site, days).iter().map(|it| it.3).collect();
        cash.sort_unstable();
        let place = tenths * cash.len().checked_sub(1)?;
        let (below, part) = (cash[place / 10], Decimal::new((place % 10) as i64, 1));
        let above = cash.get(place / 10 + 1).copied().unwrap_or(below);
        Some((Decimal::from(below) + part * Decimal::from(above - below)).round_dp(4).normalize())
    }

    /// Who entered: person, site, day. Of several visits of a day the lowest site enters.
    fn entries(&self, each: bool) -> Vec<(u8, u8, NaiveDate)> {
        let mut rows: Vec<_> = self.visits.iter().map(|it| (it.0, it.2, it.1)).collect();
        rows.sort_unstable();
        rows.dedup_by_key(|row| (row.0, if each { row.1 } else { NaiveDate::default() }));
        rows.into_iter().map(|(person, on, site)| (person, site, on)).collect()
    }

    /// Of the entries of `days`: their number and the sum of what `follows` gives.
    fn cohort(
        &self,
        site: Option<u8>,
        days: DateRange,
        each: bool,
        mature: Option<u64>,
        follows: impl Fn((u8, u8, NaiveDate)) -> i64,
    ) -> Option<Decimal> {
        let entered = self.entries(each).into_iter().filter(|(_, own, on)| {
            let closed = mature.is_none_or(|length| *on + Days::new(length) <= self.through);
            site.is_none_or(|site| site == *own) && *on >= days.from && *on <= days.to && closed
        });
        let values: Vec<i64> = entered.map(follows).collect();
        let sum: i64 = values.iter().sum();
        Decimal::from(sum).checked_div(Decimal::from(values.len())).map(rounded)
    }

    fn followed(&self, (person, _, on): (u8, u8, NaiveDate)) -> Vec<(u8, u8, NaiveDate, i64)> {
        let after = on + Days::new(1)..=on + Days::new(7);
        let own = |it: &&(u8, u8, NaiveDate, i64)| it.0 == person && after.contains(&it.2);
        self.visits.iter().filter(own).copied().collect()
    }

    /// The newest reading of each person up to `on`, with the balance after it.
    fn readings(&self, on: NaiveDate) -> BTreeMap<u8, (u8, i64)> {
        let mut rows = self.account.clone();
        rows.sort_unstable_by_key(|it| it.2);
        let mut newest: BTreeMap<u8, (u8, i64)> = BTreeMap::new();
        for (person, site, _, delta) in rows.into_iter().filter(|it| it.2 <= on) {
            let before = newest.get(&person).map_or(0, |it| it.1);
            newest.insert(person, (site, before + delta));
        }
        newest
    }

    fn read(&self, site: Option<u8>, on: NaiveDate) -> Vec<i64> {
        let own = self.readings(on).into_values();
        own.filter(|it| site.is_none_or(|site| site == it.0)).map(|it| it.1).collect()
    }
}

fn back(to: NaiveDate, from: NaiveDate) -> DateRange {
    DateRange { from, to }
}

fn divided(above: Decimal, below: Decimal) -> Option<Decimal> {
    above.checked_div(below).map(rounded)
}

/// The rule of every metric over visits and stored value.
const RULES: &[(&str, Rule)] = &[
    ("t_visits", |plain, site, days| Some(plain.visit_count(site, days))),
    ("t_cash", |plain, site, days| Some(plain.cash(site, days))),
    ("t_persons", |plain, site, days| Some(plain.persons(site, days))),
    ("t_median", |plain, site, days| plain.quantile(site, days, 5)),
    ("t_p90", |plain, site, days| plain.quantile(site, days, 9)),
    ("t_ratio", |plain, site, days| divided(plain.cash(site, days), plain.visit_count(site, days))),
    ("t_ratio_zero", |plain, site, days| {
        Some(divided(plain.cash(site, days), plain.persons(site, days)).unwrap_or_default())
    }),
    ("t_derived", |plain, site, days| {
        let (cash, visits) = (plain.cash(site, days), plain.visit_count(site, days));
        let persons = plain.persons(site, days);
        let ticket = divided(cash, persons).unwrap_or_default();
        let two_thirds = Decimal::TWO * cash / Decimal::from(3);
        (cash - two_thirds).checked_div(visits).map(|it| rounded(it * persons + ticket))
    }),
    ("t_days", |plain, site, days| Some(plain.cash(site, back(days.to, days.to - Days::new(4))))),
    ("t_months", |plain, site, days| {
        Some(plain.persons(site, back(days.to, days.to + Days::new(1) - Months::new(1))))
    }),
    ("t_to_date", |plain, site, days| {
        Some(plain.cash(site, back(days.to, Grain::Month.start(days.to))))
    }),
    ("t_share", |plain, site, days| {
        divided(
            plain.cash(site, back(days.to, days.to - Days::new(4))),
            plain.cash(site, back(days.to, Grain::Month.start(days.to))),
        )
    }),
    ("t_repeat", |plain, site, days| {
        plain.cohort(site, days, false, Some(7), |entry| {
            i64::from(plain.followed(entry).iter().any(|it| it.3 > 0))
        })
    }),
    ("t_repeat_each", |plain, site, days| {
        plain.cohort(site, days, true, None, |entry| {
            i64::from(plain.followed(entry).iter().any(|it| it.1 != entry.1))
        })
    }),
    ("t_value", |plain, site, days| {
        plain.cohort(site, days, false, Some(10), |(person, _, on)| {
            let within = on..=on + Days::new(10);
            let own = plain.visits.iter().filter(|it| it.0 == person && within.contains(&it.2));
            own.map(|it| it.3).sum()
        })
    }),
    ("t_balance", |plain, site, days| {
        let own = plain.account.iter().filter(|it| it.2 <= days.to);
        let own = own.filter(|it| site.is_none_or(|site| site == it.1));
        Some(own.map(|it| Decimal::from(it.3)).sum())
    }),
    ("t_reading", |plain, site, days| {
        Some(plain.read(site, days.to).into_iter().sum::<i64>().into())
    }),
    ("t_holders", |plain, site, days| {
        Some(plain.read(site, days.to).into_iter().filter(|it| *it > 0).count().into())
    }),
];

async fn filled(plain: &Plain) -> Fixture {
    let fixture = Fixture::new(&plain.through.to_string());
    let fixture = fixture.with_file("queries/metrics/every_type.yaml", METRICS);
    let visits: Vec<String> = plain
        .visits
        .iter()
        .enumerate()
        .map(|(id, (person, site, on, cash))| {
            format!("('{id}', 'p{person}', 's{site}', '{on}', {cash})")
        })
        .collect();
    if !visits.is_empty() {
        fixture
            .fill("visit", "visit_id, person_id, site_id, biz_date, cash_fen", &visits.join(", "))
            .await;
    }
    let mut balances: BTreeMap<u8, i64> = BTreeMap::new();
    let mut account = plain.account.clone();
    account.sort_unstable_by_key(|it| it.2);
    let account: Vec<String> = account
        .iter()
        .enumerate()
        .map(|(id, (person, site, on, delta))| {
            let balance = balances.entry(*person).or_default();
            *balance += delta;
            format!("('{id}', 'p{person}', 's{site}', '{on}', {delta}, {balance})")
        })
        .collect();
    if !account.is_empty() {
        let columns = "txn_id, person_id, site_id, biz_date, delta_fen, balance_after_fen";
        fixture.fill("account_txn", columns, &account.join(", ")).await;
    }
    fixture
}

async fn ask(fixture: &Fixture, query: &MetricsQuery) -> MetricsResult {
    answer(fixture, query, Visible::All).await.expect("an answer")
}

fn ids() -> Vec<&'static str> {
    RULES.iter().map(|(id, _)| *id).collect()
}

/// Every row and total of `query` against the rules.
fn compare(plain: &Plain, query: &MetricsQuery, result: &MetricsResult, only: Option<u8>) {
    let end =
        |start: NaiveDate, grain: Grain| (grain.next(start) - Days::new(1)).min(query.range.to);
    for row in &result.rows {
        let days = match (row.period, query.grain) {
            (Some(start), Some(grain)) => {
                DateRange { from: start.max(query.range.from), to: end(start, grain) }
            }
            _ => query.range,
        };
        let site = row.dimensions.first().and_then(|it| it.value.as_deref());
        let site = site.map(|site| site[1..].parse().expect("a site")).or(only);
        for (value, (id, rule)) in row.values.iter().zip(RULES) {
            assert_eq!(value.value, rule(plain, site, days), "{id} {site:?} {days:?}");
        }
    }
    for (value, (id, rule)) in result.totals.iter().zip(RULES) {
        assert_eq!(value.value, rule(plain, only, query.range), "total of {id}");
    }
}

/// Every view against the readers at day grain.
async fn compare_views(fixture: &Fixture, range: DateRange) {
    let query = MetricsQuery {
        group_by: vec!["site".into()],
        grain: Some(Grain::Day),
        ..MetricsQuery::total(&ids(), range)
    };
    let result = ask(fixture, &query).await;
    for (index, id) in ids().into_iter().enumerate() {
        let mut ours = BTreeMap::new();
        for row in &result.rows {
            let value = &row.values[index];
            let key = (row.period, row.dimensions[0].value.clone());
            ours.insert(key, (value.value, value.numerator, value.denominator));
        }
        for row in rows(&fixture.view(id).await) {
            let period = row.day_opt("period").expect("a period").expect("a day");
            if period < range.from || period > range.to {
                continue;
            }
            let site = row.text_opt("site").expect("a site").map(str::to_owned);
            let number = |name| row.number_opt(name).expect("a number").map(|it| it.normalize());
            let shown = (number("value"), number("numerator"), number("denominator"));
            let ours = ours.remove(&(Some(period), site)).expect("a row of the readers");
            let ours = (ours.0.map(|it| it.normalize()), ours.1, ours.2);
            assert_eq!(shown.0, ours.0, "{id} on {period}");
            assert_eq!(shown.1.map(rounded), ours.1.map(rounded), "numerator of {id}");
            assert_eq!(shown.2, ours.2.map(|it| it.normalize()), "denominator of {id}");
        }
        let nothing = |value: Option<Decimal>| value.is_none_or(|value| value.is_zero());
        let lost: Vec<_> = ours.iter().filter(|(_, value)| !nothing(value.0)).collect();
        assert!(lost.is_empty(), "rows of {id} the view lacks: {lost:?}");
    }
}

fn random() -> impl Strategy<Value = Plain> {
    let row = |most: i64| (0..6_u8, 0..3_u8, 0..75_u64, -3..most);
    let start = day("2026-01-10");
    let at = move |(person, site, after, amount): (u8, u8, u64, i64)| {
        (person, site, start + Days::new(after), amount * 100)
    };
    let visits = prop::collection::vec(row(9), 0..60);
    let account = prop::collection::vec(row(6), 0..40);
    (visits, account).prop_map(move |(visits, account)| {
        let mut account: Vec<_> = account.into_iter().map(at).collect();
        // Two readings of a person on one day have no order.
        account.sort_unstable_by_key(|it| (it.0, it.2));
        account.dedup_by_key(|it| (it.0, it.2));
        let visits = visits.into_iter().map(at).collect();
        Plain { visits, account, through: day("2026-03-20") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn every_type_equals_brute_force(
        plain in random(),
        grain in prop::sample::select(vec![
            None, Some(Grain::Day), Some(Grain::Week), Some(Grain::Month),
        ]),
        by_site in any::<bool>(),
        only in prop::option::of(0..3_u8),
        first in 0..60_u64,
        length in 0..40_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = filled(&plain).await;
            let from = day("2026-01-05") + Days::new(first);
            let range = DateRange { from, to: from + Days::new(length) };
            let filter = only.map(|site| DimensionFilter {
                dimension: "site".into(),
                any_of: Some(vec![format!("s{site}")]),
                ..DimensionFilter::default()
            });
            let query = MetricsQuery {
                group_by: by_site.then(|| "site".to_owned()).into_iter().collect(),
                grain,
                filter: filter.into_iter().collect(),
                ..MetricsQuery::total(&ids(), range)
            };
            compare(&plain, &query, &ask(&fixture, &query).await, only);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn every_view_equals_the_readers(plain in random()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = filled(&plain).await;
            let range = DateRange { from: day("2026-02-01"), to: day("2026-03-15") };
            compare_views(&fixture, range).await;
        });
    }
}

fn few() -> Plain {
    let visit = |person, site, on: &str, cash| (person, site, day(on), cash);
    Plain {
        visits: vec![
            visit(1, 0, "2026-02-02", 300),
            visit(1, 0, "2026-02-02", 500),
            visit(1, 1, "2026-02-05", 100),
            visit(2, 1, "2026-02-05", 0),
        ],
        account: Vec::new(),
        through: day("2026-03-20"),
    }
}

#[tokio::test]
async fn gaps_show_what_the_definition_says() {
    let fixture = filled(&few()).await;
    let range = DateRange { from: day("2026-02-01"), to: day("2026-02-06") };
    let query = MetricsQuery {
        grain: Some(Grain::Day),
        ..MetricsQuery::total(&["t_visits", "t_null", "t_last", "t_ratio", "t_ratio_zero"], range)
    };
    let result = ask(&fixture, &query).await;
    let shown = |index: usize| -> Vec<String> {
        let text =
            |value: Option<Decimal>| value.map_or_else(|| "-".into(), |value| value.to_string());
        result.rows.iter().map(|row| text(row.values[index].value)).collect()
    };
    assert_eq!(shown(0), ["0", "2", "0", "0", "2", "0"]);
    assert_eq!(shown(1), ["-", "2", "-", "-", "2", "-"]);
    assert_eq!(shown(2), ["-", "2", "2", "2", "2", "2"]);
    assert_eq!(shown(3), ["-", "400", "-", "-", "50", "-"]);
    assert_eq!(shown(4), ["0", "800", "0", "0", "50", "0"]);
}

/// Two visits of a person on the day of entry and two later must not double entries or amounts.
#[tokio::test]
async fn joins_never_double_anything() {
    let fixture = filled(&few()).await;
    let query = MetricsQuery::total(
        &["t_value", "t_repeat", "t_repeat_each"],
        DateRange::month_of(day("2026-02-01")),
    );
    let result = ask(&fixture, &query).await;
    let sides = |index: usize| {
        let value = &result.totals[index];
        (value.numerator.map(|it| it.to_string()), value.denominator.map(|it| it.to_string()))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(sides(0), (text("900"), text("2")), "800 and 100 once each, of two persons");
    assert_eq!(sides(1), (text("1"), text("2")));
    assert_eq!(sides(2), (text("1"), text("3")), "person 1 entered on two days");
}

#[tokio::test]
async fn rows_stand_from_their_first_day_until_before_another() {
    let fixture = Fixture::new("2026-03-20");
    let fixture = fixture.with_file("queries/metrics/every_type.yaml", METRICS);
    let rows = "('d1', 'A', '2026-02-01', '2026-02-03'), ('d1', 'B', '2026-02-03', null), \
                ('d2', 'A', '2026-01-01', '2026-01-01'), ('d3', 'A', '2026-01-05', '2026-02-02')";
    fixture.fill("staff_assignment", "practitioner_id, org_unit_id, from_on, to_on", rows).await;
    let range = DateRange { from: day("2026-02-01"), to: day("2026-02-04") };
    let query =
        MetricsQuery { grain: Some(Grain::Day), ..MetricsQuery::total(&["t_assigned"], range) };
    let result = ask(&fixture, &query).await;
    let values: Vec<_> = result.rows.iter().map(|row| row.values[0].value).collect();
    assert_eq!(values, [2, 1, 1, 1].map(|it| Some(Decimal::from(it))));
    assert_eq!(result.totals[0].value, Some(Decimal::ONE), "the end, not the sum of days");
}

#[tokio::test]
async fn distinct_values_are_approximate_only_when_asked_and_say_so() {
    let fixture = filled(&few()).await;
    let mut query =
        MetricsQuery::total(&["t_persons", "t_visits"], DateRange::month_of(day("2026-02-01")));
    let exact = ask(&fixture, &query).await;
    assert_eq!(exact.totals.iter().map(|it| it.approximate).collect::<Vec<_>>(), [false, false]);
    assert!(!exact.sql.join("").contains("approx"));
    query.approximate = true;
    let near = ask(&fixture, &query).await;
    assert_eq!(near.totals.iter().map(|it| it.approximate).collect::<Vec<_>>(), [true, false]);
    assert!(near.sql.join("").contains("approx_distinct"));
    assert_eq!(near.totals[0].value, exact.totals[0].value);
}
