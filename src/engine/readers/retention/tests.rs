//! Retention over small tables: by hand, then against a count person by person.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use hub_domain::retention::RetentionRow;
use proptest::prelude::*;

use super::*;
use crate::readers::testing::{Fixture, day};

const VISITS: &str =
    "visit_id, person_id, site_id, channel_id, business_line, biz_date, arrived_at, is_paying";

fn query(bucket: Grain, mode: RetentionMode) -> RetentionQuery {
    RetentionQuery {
        range: DateRange { from: day("2026-01-01"), to: day("2026-12-31") },
        bucket,
        mode,
        brackets: Vec::new(),
        clock: BucketClock::Calendar,
        scope: CohortScope::FirstEver,
        buckets: 12,
        filter: Vec::new(),
    }
}

fn only(dimension: &str, value: &str) -> DimensionFilter {
    DimensionFilter {
        dimension: dimension.into(),
        any_of: Some(vec![value.into()]),
        ..DimensionFilter::default()
    }
}

fn visit(id: u32, person: &str, line: &str, on: &str, paying: bool) -> String {
    format!("('{id}', '{person}', 'A', 'C1', '{line}', '{on}', '{on}T02:00:00', {paying})")
}

fn returned(row: &RetentionRow) -> Vec<u64> {
    row.cells.iter().map(|cell| cell.returned).collect()
}

/// p comes in January, February and April; q first pays in February, after a visit without
/// payment in January; r never pays.
async fn few() -> Fixture {
    let fixture = Fixture::new("2026-04-30");
    let rows = [
        visit(1, "p", "dental", "2026-01-31", true),
        visit(2, "p", "aesthetic", "2026-02-01", true),
        visit(3, "p", "dental", "2026-04-02", false),
        visit(4, "q", "dental", "2026-01-10", false),
        visit(5, "q", "aesthetic", "2026-02-10", true),
        visit(6, "q", "dental", "2026-03-10", true),
        visit(7, "r", "dental", "2026-03-11", false),
    ];
    fixture.fill("visit", VISITS, &rows.join(", ")).await;
    fixture
}

#[tokio::test]
async fn cohorts_are_months_of_the_first_paid_visit() {
    let fixture = few().await;
    let on = answer(&fixture, &query(Grain::Month, RetentionMode::ReturnOn)).await.expect("rows");
    let cohorts: Vec<_> = on.rows.iter().map(|row| (row.cohort, row.size)).collect();
    assert_eq!(cohorts, [(Some(day("2026-01-01")), 1), (Some(day("2026-02-01")), 1)]);
    assert_eq!(returned(&on.rows[0]), [1, 1, 0, 1]);
    assert_eq!(returned(&on.rows[1]), [1, 1, 0]);
    // Month 3 has been reached by the cohort of January only.
    let total: Vec<_> = on.total.cells.iter().map(|cell| (cell.returned, cell.cohort)).collect();
    assert_eq!(total, [(2, 2), (2, 2), (0, 2), (1, 1)]);
    let after = query(Grain::Month, RetentionMode::OnOrAfter);
    let after = answer(&fixture, &after).await.expect("rows");
    assert_eq!(returned(&after.rows[0]), [1, 1, 1, 1]);
    assert_eq!(returned(&after.rows[1]), [1, 1, 0]);
}

#[tokio::test]
async fn a_filter_picks_first_visits_or_makes_them() {
    let fixture = few().await;
    let mut asked = query(Grain::Month, RetentionMode::ReturnOn);
    asked.filter = vec![only("business_line", "dental")];
    // p's first paid visit was dental, q's was not; p comes back with any visit.
    let ever = answer(&fixture, &asked).await.expect("rows");
    assert_eq!(ever.rows.len(), 1);
    assert_eq!(returned(&ever.rows[0]), [1, 1, 0, 1]);
    asked.scope = CohortScope::FirstWithin;
    let within = answer(&fixture, &asked).await.expect("rows");
    let cohorts: Vec<_> = within.rows.iter().map(|row| row.cohort).collect();
    assert_eq!(cohorts, [Some(day("2026-01-01")), Some(day("2026-03-01"))]);
    assert_eq!(returned(&within.rows[0]), [1, 0, 0, 1], "February was no dental visit");
}

#[tokio::test]
async fn rolling_buckets_start_with_the_person() {
    let fixture = few().await;
    let mut asked = query(Grain::Day, RetentionMode::ReturnOn);
    asked.clock = BucketClock::Rolling;
    asked.buckets = 1;
    let rolling = answer(&fixture, &asked).await.expect("rows");
    assert_eq!(returned(&rolling.rows[0]), [1, 1], "24 hours later to the second");
}

#[tokio::test]
async fn impossible_questions_are_refused() {
    let fixture = Fixture::new("2026-04-30");
    let base = || query(Grain::Month, RetentionMode::Bracket);
    let bracket = |from, to| RetentionQuery { brackets: vec![Bracket { from, to }], ..base() };
    let on = RetentionQuery { mode: RetentionMode::ReturnOn, ..bracket(1, 2) };
    let filter = RetentionQuery { filter: vec![only("item", "x")], ..bracket(1, 2) };
    for wrong in [base(), bracket(3, 1), bracket(1, 9_999), on, filter] {
        let refused = answer(&fixture, &wrong).await;
        assert!(matches!(refused, Err(Error::BadInput { hint: Some(_), .. })), "{wrong:?}");
    }
}

/// A visit of the random test: person, day after the first of January, hour, paid.
type Visited = (u8, i64, u32, bool);

/// Number of the bucket of `at` for an entry at `entry`, each a day and an hour.
fn bucket_of(query: &RetentionQuery, entry: (NaiveDate, u32), at: (NaiveDate, u32)) -> i64 {
    let days = (at.0 - entry.0).num_days();
    if query.clock == BucketClock::Rolling {
        let hours = days * 24 + i64::from(at.1) - i64::from(entry.1);
        let length = match query.bucket {
            Grain::Day => 24,
            Grain::Week => 168,
            _ => 720,
        };
        return hours / length;
    }
    let monday = |day: NaiveDate| i64::from(day.num_days_from_ce() - 1) / 7;
    match query.bucket {
        Grain::Day => days,
        Grain::Week => monday(at.0) - monday(entry.0),
        _ => {
            i64::from((at.0.year() - entry.0.year()) * 12) + i64::from(at.0.month())
                - i64::from(entry.0.month())
        }
    }
}

/// Persons of each cohort that came back in each span, one person after the other.
fn by_definition(
    visits: &[Visited],
    query: &RetentionQuery,
    spans: &[Bracket],
) -> BTreeMap<NaiveDate, (u64, Vec<u64>)> {
    let mut cohorts: BTreeMap<NaiveDate, (u64, Vec<u64>)> = BTreeMap::new();
    let people: BTreeSet<u8> = visits.iter().map(|visit| visit.0).collect();
    for person in people {
        let own = visits.iter().filter(|visit| visit.0 == person);
        let on = |visit: &Visited| (day("2026-01-01") + chrono::TimeDelta::days(visit.1), visit.2);
        let entry = own.clone().filter(|visit| visit.3).map(on).min();
        let Some(entry) = entry else { continue };
        let seen: Vec<i64> =
            own.map(on).filter(|at| *at >= entry).map(|at| bucket_of(query, entry, at)).collect();
        let start = query.bucket.start(entry.0);
        let cohort = cohorts.entry(start).or_insert_with(|| (0, vec![0; spans.len()]));
        cohort.0 += 1;
        for (count, span) in cohort.1.iter_mut().zip(spans) {
            let (from, to) = (i64::from(span.from), i64::from(span.to));
            let came = seen.iter().any(|k| match query.mode {
                RetentionMode::OnOrAfter => *k >= from,
                _ => (from..=to).contains(k),
            });
            *count += u64::from(came);
        }
    }
    cohorts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sql_retention_equals_a_count_person_by_person(
        visits in prop::collection::vec((0..8_u8, 0..130_i64, 0..24_u32, any::<bool>()), 1..60),
        bucket in prop::sample::select(vec![Grain::Day, Grain::Week, Grain::Month]),
        mode in prop::sample::select(vec![
            RetentionMode::ReturnOn, RetentionMode::OnOrAfter, RetentionMode::Bracket,
        ]),
        rolling in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new("2030-12-31");
            let rows: Vec<String> = visits.iter().zip(0..).map(|((person, after, hour, paid), id)| {
                let on = day("2026-01-01") + chrono::TimeDelta::days(*after);
                format!("('{id}', 'p{person}', 'A', 'C', 'dental', '{on}', '{on}T{hour:02}:00:00', {paid})")
            }).collect();
            fixture.fill("visit", VISITS, &rows.join(", ")).await;
            let mut asked = query(bucket, mode);
            if rolling {
                asked.clock = BucketClock::Rolling;
            }
            if mode == RetentionMode::Bracket {
                asked.brackets = vec![Bracket { from: 0, to: 0 }, Bracket { from: 1, to: 3 },
                    Bracket { from: 2, to: 9 }];
            }
            let found = answer(&fixture, &asked).await.expect("an answer");
            let spans = brackets(&asked).expect("brackets");
            let wanted = by_definition(&visits, &asked, &spans);
            let found: BTreeMap<_, _> = found.rows.iter()
                .map(|row| (row.cohort.expect("a cohort"), (row.size, returned(row))))
                .collect();
            assert_eq!(found, wanted, "{asked:?}");
        });
    }
}
