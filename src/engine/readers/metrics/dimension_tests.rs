//! Dimensions that follow from others by the day, periods of the books, comparisons by festival,
//! and refusals that tell what is valid.

use hub_domain::Error;
use hub_domain::calendar::{DateRange, FiscalStart, Grain};
use hub_domain::metric::{Compare, DimensionFilter, MetricsQuery, MetricsResult};
use rust_decimal::Decimal;

use super::{Visible, answer};
use crate::readers::decode::rows;
use crate::readers::testing::{Fixture, day};

/// A flow, a stock and a window by brand.
const METRICS: &str = "\
family: by_brand
metrics:
  - { id: b_visits, label_zh: 测, label_en: test, description: d, direction: up, unit: count,
      additive: true, type: simple, source: visit, aggregate: count, time: biz_date,
      dimensions: { site: site_id } }
  - { id: b_persons, label_zh: 测, label_en: test, description: d, direction: up, unit: count,
      type: simple, source: visit, aggregate: count_distinct, expression: person_id,
      time: biz_date, dimensions: { site: site_id } }
  - { id: b_window, label_zh: 测, label_en: test, description: d, direction: up, unit: count,
      type: cumulative, metric: b_visits, window: { days: 30 } }
  - { id: b_balance, label_zh: 测, label_en: test, description: d, direction: up, unit: fen,
      type: stock, source: account_txn, aggregate: sum, expression: delta_fen,
      stands: { movements: { time: biz_date } }, dimensions: { site: site_id } }
  - { id: b_holders, label_zh: 测, label_en: test, description: d, direction: up, unit: count,
      type: stock, source: account_txn, aggregate: count_distinct, expression: person_id,
      stands: { reading: { time: biz_date, key: [person_id] } }, dimensions: { site: site_id } }
";

/// Site s0 belongs to brand X, from 5 February on to Y; s1 to Y. The history names s0 twice for
/// one day and overlaps itself: a careless join would double visits.
async fn moved() -> Fixture {
    let fixture = Fixture::new("2026-03-20").with_file("queries/metrics/by_brand.yaml", METRICS);
    let visits = "('1', 'p', 's0', '2026-02-04'), ('2', 'q', 's0', '2026-02-05'), \
                  ('3', 'p', 's0', '2026-02-10'), ('4', 'p', 's1', '2026-02-10'), \
                  ('5', 'p', 's2', '2026-02-10')";
    fixture.fill("visit", "visit_id, person_id, site_id, biz_date", visits).await;
    let account = "('1', 'p', 's0', '2026-02-01', 100), ('2', 'q', 's0', '2026-02-08', 20), \
                   ('3', 'r', 's1', '2026-02-01', 3)";
    let columns = "txn_id, person_id, site_id, biz_date, delta_fen";
    fixture.fill("account_txn", columns, account).await;
    let history = "('s0', '2026-01-01', null, 'X'), ('s0', '2026-02-05', null, 'Y'), \
                   ('s0', '2026-02-05', '2026-02-01', 'Y'), ('s1', '2026-02-07', null, 'Y')";
    let columns = "org_unit_id, valid_from, valid_to, brand_id";
    fixture.fill("org_unit_history", columns, history).await;
    fixture
}

async fn ask(fixture: &Fixture, query: &MetricsQuery) -> MetricsResult {
    answer(fixture, query, Visible::All).await.expect("an answer")
}

/// `dimension=first value, second value, …` per row.
fn shown(result: &MetricsResult) -> Vec<String> {
    let row = |row: &hub_domain::metric::MetricsRow| {
        let text =
            |value: Option<Decimal>| value.map_or_else(|| "-".into(), |value| value.to_string());
        let values: Vec<String> = row.values.iter().map(|value| text(value.value)).collect();
        let key =
            row.dimensions.first().and_then(|it| it.value.clone()).unwrap_or_else(|| "-".into());
        format!("{key}={}", values.join(","))
    };
    result.rows.iter().map(row).collect()
}

fn february(metrics: &[&str]) -> MetricsQuery {
    MetricsQuery::total(metrics, DateRange::month_of(day("2026-02-01")))
}

const ALL: [&str; 5] = ["b_visits", "b_persons", "b_window", "b_balance", "b_holders"];

#[tokio::test]
async fn a_site_that_moves_counts_under_each_brand_in_its_time() {
    let fixture = moved().await;
    let query = MetricsQuery { group_by: vec!["brand".into()], ..february(&ALL) };
    let result = ask(&fixture, &query).await;
    // Rows count where the site was that day; what stands at the end of February is all Y's.
    assert_eq!(shown(&result), ["X=1,1,1,0,0", "Y=3,2,3,123,3", "-=1,1,1,0,0"]);
    let totals: Vec<_> = result.totals.iter().map(|it| it.value.map(|it| it.to_string())).collect();
    let want = ["5", "2", "5", "123", "3"].map(|text| Some(text.to_owned()));
    assert_eq!(totals, want, "nothing doubled");
    let early = DateRange { from: day("2026-02-01"), to: day("2026-02-04") };
    let result = ask(&fixture, &MetricsQuery { range: early, ..query }).await;
    assert_eq!(shown(&result), ["X=1,1,1,100,1", "Y=0,0,0,3,1"]);
}

#[tokio::test]
async fn filters_follow_the_move_and_totals_the_filter() {
    let fixture = moved().await;
    let query = MetricsQuery {
        group_by: vec!["site".into()],
        filter: vec![DimensionFilter {
            dimension: "brand".into(),
            any_of: Some(vec!["Y".into()]),
            ..DimensionFilter::default()
        }],
        ..february(&ALL)
    };
    let result = ask(&fixture, &query).await;
    assert_eq!(shown(&result), ["s0=2,2,2,120,2", "s1=1,1,1,3,1"]);
    let totals: Vec<_> = result.totals.iter().map(|it| it.value.map(|it| it.to_string())).collect();
    assert_eq!(totals, ["3", "2", "3", "123", "3"].map(|text| Some(text.to_owned())));
}

#[tokio::test]
async fn views_know_the_brand_of_the_day() {
    let fixture = moved().await;
    for (id, on, want) in [
        ("b_visits", "2026-02-04", vec!["X s0 1"]),
        ("b_visits", "2026-02-10", vec!["- s2 1", "Y s0 1", "Y s1 1"]),
        ("b_balance", "2026-02-04", vec!["X s0 100", "Y s1 3"]),
        ("b_balance", "2026-02-09", vec!["Y s0 120", "Y s1 3"]),
        ("b_holders", "2026-02-09", vec!["Y s0 2", "Y s1 1"]),
    ] {
        let mut seen = Vec::new();
        for row in rows(&fixture.view(id).await) {
            if row.day_opt("period").expect("a period") == Some(day(on)) {
                let text = |name| row.text_opt(name).expect("text").unwrap_or("-").to_owned();
                let value = row.number_opt("value").expect("a number").unwrap_or_default();
                seen.push(format!("{} {} {value}", text("brand"), text("site")));
            }
        }
        seen.sort();
        assert_eq!(seen, want, "{id} on {on}");
    }
}

#[tokio::test]
async fn months_of_the_books_start_on_the_projects_day() {
    let fixture = moved().await.with_fiscal_start(5.try_into().expect("a day"));
    let grain = Grain::FiscalMonth(FiscalStart::default());
    let range = DateRange { from: day("2026-02-01"), to: day("2026-03-04") };
    let query = MetricsQuery { grain: Some(grain), range, ..february(&["b_visits", "b_balance"]) };
    let result = ask(&fixture, &query).await;
    let periods: Vec<_> = result.rows.iter().filter_map(|row| row.period).collect();
    assert_eq!(periods, [day("2026-01-05"), day("2026-02-05")]);
    assert_eq!(shown(&result), ["-=1,103", "-=4,123"]);
    let compared = MetricsQuery { compare: Some(Compare::PreviousPeriod), ..query };
    let result = ask(&fixture, &compared).await;
    assert_eq!(result.rows[1].values[0].compare, Some(Decimal::ONE));
    assert_eq!(result.rows[1].values[1].compare, Some(Decimal::from(103)));
}

#[tokio::test]
async fn days_are_compared_by_their_distance_from_spring_festival() {
    let fixture = Fixture::new("2026-03-20").with_file("queries/metrics/by_brand.yaml", METRICS);
    // 17 February 2026 and 29 January 2025 are the first days of their years.
    let visits = "('1', 'p', 's0', '2026-02-17'), ('2', 'q', 's0', '2025-01-29'), \
                  ('3', 'p', 's0', '2025-01-29'), ('4', 'p', 's0', '2025-02-17')";
    fixture.fill("visit", "visit_id, person_id, site_id, biz_date", visits).await;
    let query = MetricsQuery {
        grain: Some(Grain::Day),
        range: DateRange { from: day("2026-02-16"), to: day("2026-02-18") },
        compare: Some(Compare::SpringFestivalLastYear),
        ..february(&["b_visits"])
    };
    let result = ask(&fixture, &query).await;
    let compared: Vec<_> = result.rows.iter().map(|row| row.values[0].compare).collect();
    assert_eq!(compared, [0, 2, 0].map(|it| Some(Decimal::from(it))));
    assert_eq!(result.totals[0].compare, Some(Decimal::TWO));
}

#[tokio::test]
async fn a_refusal_names_what_the_metrics_share_and_who_has_the_dimension() {
    let fixture = moved().await;
    let query =
        MetricsQuery { group_by: vec!["doctor".into()], ..february(&["consults", "b_visits"]) };
    match answer(&fixture, &query, Visible::All).await {
        Err(Error::BadInput { message, hint: Some(hint) }) => {
            assert!(message.contains("metric `b_visits` cannot be grouped"), "{message}");
            assert!(hint.contains("`consults`, `b_visits`: site, brand, city;"), "{hint}");
            assert!(
                hint.contains("metrics with `doctor`: ") && hint.contains("consults"),
                "{hint}"
            );
        }
        other => panic!("{other:?}"),
    }
}
