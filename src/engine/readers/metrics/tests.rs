//! Metrics over small tables, by hand and against a second, plain computation.

use std::collections::BTreeMap;

use hub_domain::Error;
use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::{
    Compare, DimensionFilter, MetricFilter, MetricsOrder, MetricsQuery, MetricsResult, Operator,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{Visible, answer};
use crate::readers::Source;
use crate::readers::testing::{Fixture, day};

const CONSULTS: &str = "consult_id, site_id, biz_date, doctor_id, visit_type, is_won";

async fn fixture() -> Fixture {
    let fixture = Fixture::new("2026-03-31");
    fixture
        .fill(
            "consult",
            CONSULTS,
            "('1', 'A', '2026-03-01', '1', 'first', true), \
             ('2', 'A', '2026-03-01', '1', 'first', true), \
             ('3', 'A', '2026-03-03', '2', 'first', false), \
             ('4', 'B', '2026-03-03', '3', 'first', true), \
             ('5', 'B', '2026-03-03', '3', 'return', false), \
             ('6', 'B', '2026-02-03', '3', 'first', false)",
        )
        .await;
    fixture
        .fill("org_unit", "org_unit_id, name, level", "('A', '甲', 'site'), ('B', '乙', 'site')")
        .await;
    fixture
}

fn march(metrics: &[&str]) -> MetricsQuery {
    MetricsQuery::total(metrics, DateRange::month_of(day("2026-03-01")))
}

async fn ask(source: &dyn Source, query: &MetricsQuery) -> MetricsResult {
    answer(source, query, Visible::All).await.expect("an answer")
}

fn number(text: &str) -> Option<Decimal> {
    Some(text.parse().expect("a number"))
}

/// `dimension values…=value` of the first metric, per row.
fn shown(result: &MetricsResult) -> Vec<String> {
    let text =
        |value: Option<Decimal>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let row = |row: &hub_domain::metric::MetricsRow| {
        let period = row.period.map(|day| day.format("%m-%d").to_string());
        let keys: Vec<String> = period
            .into_iter()
            .chain(row.dimensions.iter().map(|it| it.value.clone().unwrap_or_else(|| "-".into())))
            .collect();
        format!("{}={}", keys.join(" "), text(row.values[0].value))
    };
    result.rows.iter().map(row).collect()
}

#[tokio::test]
async fn sides_are_summed_and_divided_last() {
    let fixture = fixture().await;
    let query = MetricsQuery { group_by: vec!["site".into()], ..march(&["close_rate_first"]) };
    let result = ask(&fixture, &query).await;
    assert_eq!(shown(&result), ["A=0.666666666667", "B=1"]);
    assert_eq!(result.rows[0].dimensions[0].label.as_deref(), Some("甲"));
    let total = &result.totals[0];
    assert_eq!((total.numerator, total.denominator), (number("3"), number("4")));
    assert_eq!(total.value, number("0.75"), "not the mean of 2/3 and 1");
}

#[tokio::test]
async fn gaps_are_zero_for_counts_and_null_for_quotients() {
    let fixture = fixture().await;
    let query = MetricsQuery {
        group_by: vec!["site".into()],
        grain: Some(Grain::Day),
        range: DateRange { from: day("2026-03-01"), to: day("2026-03-03") },
        ..march(&["consults", "close_rate"])
    };
    let result = ask(&fixture, &query).await;
    let expected = ["03-01 A=2", "03-01 B=0", "03-02 A=0", "03-02 B=0", "03-03 A=1", "03-03 B=2"];
    assert_eq!(shown(&result), expected);
    assert_eq!(result.rows[2].values[1].value, None);
    assert_eq!(result.rows[2].values[1].denominator, number("0"));
    let nothing = MetricsQuery {
        range: DateRange { from: day("2025-01-01"), to: day("2025-01-02") },
        grain: Some(Grain::Day),
        ..march(&["consults"])
    };
    assert_eq!(shown(&ask(&fixture, &nothing).await), ["01-01=0", "01-02=0"]);
}

#[tokio::test]
async fn totals_know_neither_having_nor_pages() {
    let fixture = fixture().await;
    let mut query = MetricsQuery {
        group_by: vec!["doctor".into()],
        having: vec![MetricFilter {
            metric: "consults".into(),
            op: Operator::Gte,
            value: Decimal::from(2),
        }],
        order_by: vec![MetricsOrder { by: "consults".into(), descending: true }],
        ..march(&["consults"])
    };
    let result = ask(&fixture, &query).await;
    assert_eq!(shown(&result), ["1=2", "3=2"], "ties come in order of the dimension");
    assert_eq!(result.totals[0].value, number("5"));
    query.page.first = 1;
    let first = ask(&fixture, &query).await;
    assert!(first.has_next_page);
    assert_eq!(first.totals, result.totals);
    query.page.after = first.cursors.last().cloned();
    let second = ask(&fixture, &query).await;
    assert_eq!(shown(&second), ["3=2"]);
    assert!(!second.has_next_page);
    let newer = fixture.at_snapshot(8);
    let error = answer(&newer, &query, Visible::All).await.expect_err("another snapshot");
    assert!(matches!(error, Error::BadInput { hint: Some(_), .. }));
}

#[tokio::test]
async fn distinct_counts_are_counted_again_for_totals() {
    let fixture = Fixture::new("2026-03-31");
    fixture
        .fill(
            "visit",
            "visit_id, person_id, site_id, biz_date, visit_type, doctor_id",
            "('1', 'p', 'A', '2026-03-01', 'first', '1'), \
             ('2', 'p', 'B', '2026-03-02', 'return', '1'), \
             ('3', 'q', 'B', '2026-03-02', 'return', '2')",
        )
        .await;
    let query = MetricsQuery {
        group_by: vec!["site".into()],
        grain: Some(Grain::Month),
        ..march(&["persons_seen", "arrivals", "arrivals_first", "arrivals_return"])
    };
    let result = ask(&fixture, &query).await;
    assert_eq!(shown(&result), ["03-01 A=1", "03-01 B=2"]);
    assert_eq!(result.totals[0].value, number("2"), "p counts once");
    assert_eq!(result.totals[1].value, number("3"));
    assert_eq!(result.sql.len(), 2, "one statement for rows, one for the distinct total");
    assert!(result.sql[0].contains("date '2026-03-01'"), "{}", result.sql[0]);
}

#[tokio::test]
async fn a_denominator_lies_a_month_earlier() {
    let fixture = Fixture::new("2026-03-31");
    fixture
        .fill(
            "visit",
            "visit_id, person_id, site_id, biz_date, visit_type, doctor_id",
            "('1', 'p', 'A', '2026-02-10', 'first', '1'), \
             ('2', 'q', 'A', '2026-02-28', 'return', '1'), \
             ('3', 'q', 'A', '2026-02-28', 'return', '2'), \
             ('4', 'r', 'A', '2026-03-02', 'return', '3')",
        )
        .await;
    fixture
        .fill(
            "referral",
            "referral_id, referrer_kind, referrer_practitioner_id, referred_person_id, biz_date",
            "('1', 'doctor', '1', 'x', '2026-03-05'), ('2', 'customer', '1', 'y', '2026-03-05')",
        )
        .await;
    let query = MetricsQuery {
        group_by: vec!["doctor".into()],
        grain: Some(Grain::Month),
        ..march(&["doctor_referral_ratio"])
    };
    // Doctor 2 has customers and no referral: 0. Doctor 3 had no customers last month: no row.
    let expected = ["03-01 1=0.5", "03-01 2=0"];
    assert_eq!(shown(&ask(&fixture, &query).await), expected);
    let whole = MetricsQuery { grain: None, ..query };
    assert_eq!(shown(&ask(&fixture, &whole).await), ["1=0.5", "2=0"]);
}

#[tokio::test]
async fn a_ratio_of_ratios_divides_quotients() {
    let fixture = Fixture::new("2026-03-31");
    fixture
        .fill(
            "visit",
            "visit_id, site_id, biz_date, visit_type, is_paying, cash_fen",
            "('1', 'A', '2026-03-10', 'first', true, 300), \
             ('2', 'A', '2026-03-10', 'first', true, 500), \
             ('3', 'A', '2026-03-28', 'recheck', true, 200), \
             ('4', 'A', '2026-03-28', 'return', false, 0)",
        )
        .await;
    let result = ask(&fixture, &march(&["atv_first_vs_return", "atv_visit"])).await;
    assert_eq!(result.totals[0].value, number("2"));
    assert_eq!(result.totals[0].denominator, number("200"));
    assert_eq!(result.totals[1].value, number("333.333333333333"));
}

#[tokio::test]
async fn comparison_stands_beside_the_value() {
    let fixture = fixture().await;
    let query = MetricsQuery {
        group_by: vec!["site".into()],
        compare: Some(Compare::PreviousPeriod),
        ..march(&["consults_first"])
    };
    let result = ask(&fixture, &query).await;
    let seen: Vec<_> = result.rows.iter().map(|row| row.values[0].compare).collect();
    assert_eq!(seen, [number("0"), number("1")]);
    assert_eq!(result.totals[0].compare, number("1"));
    let one_row = MetricsQuery { group_by: vec![], ..query };
    let result = ask(&fixture, &one_row).await;
    assert_eq!((result.totals[0].value, result.totals[0].compare), (number("4"), number("1")));
    assert_eq!(result.sql.len(), 1, "both ranges in one pass");
    let ratio = MetricsQuery { metrics: vec!["close_rate".into()], ..one_row };
    let result = ask(&fixture, &ratio).await;
    assert_eq!(
        (result.rows[0].values[0].value, result.rows[0].values[0].compare),
        (number("0.6"), number("0"))
    );
}

#[tokio::test]
async fn wrong_questions_are_told_what_is_valid() {
    let fixture = fixture().await;
    let wrong = [
        (march(&["nonsense"]), "unknown metric `nonsense`", "close_rate_first"),
        (
            MetricsQuery { group_by: vec!["visit_type".into()], ..march(&["target_attainment"]) },
            "cannot be grouped or filtered by `visit_type`",
            "site, brand, city, business_line",
        ),
        (
            MetricsQuery { group_by: vec!["moon".into()], ..march(&["consults"]) },
            "unknown dimension `moon`",
            "site, brand",
        ),
        (
            MetricsQuery {
                order_by: vec![MetricsOrder { by: "leads".into(), descending: false }],
                ..march(&["consults"])
            },
            "cannot order by `leads`",
            "consults",
        ),
        (march(&["consults_won"]), "`consults_won` is only an input", "metricCatalog"),
    ];
    for (query, what, hint) in wrong {
        match answer(&fixture, &query, Visible::Public).await {
            Err(Error::BadInput { message, hint: Some(told) }) => {
                assert!(message.contains(what), "{message}");
                assert!(told.contains(hint), "{told}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn views_for_sql_users_show_the_same_numbers() {
    let fixture = fixture().await;
    let visits: Vec<String> = (0..40)
        .map(|n| {
            let (day, cash) = (1 + n % 28, 100 * (n % 7));
            let kind = ["first", "return", "recheck"][n % 3];
            format!(
                "('{n}', 's{}', '2026-03-{day:02}', '{}', '{kind}', {}, {cash})",
                n % 2,
                n % 3,
                cash > 0
            )
        })
        .collect();
    let columns = "visit_id, site_id, biz_date, doctor_id, visit_type, is_paying, cash_fen";
    fixture.fill("visit", columns, &visits.join(", ")).await;
    for id in ["atv_visit", "close_rate_first", "arrivals", "atv_first_vs_return", "close_rate"] {
        let metric = fixture.definitions().catalogue.metric(id).expect("a metric");
        let query = MetricsQuery {
            group_by: metric.dimensions.clone(),
            grain: Some(Grain::Day),
            having: vec![],
            ..march(&[id])
        };
        let mut ours = BTreeMap::new();
        for row in ask(&fixture, &query).await.rows {
            let keys: Vec<Option<String>> =
                row.dimensions.into_iter().map(|dimension| dimension.value).collect();
            ours.insert((row.period, keys), row.values[0].value);
        }
        let view = fixture.view(id).await;
        let mut compared = 0;
        for row in crate::readers::decode::rows(&view) {
            let period = row.day_opt("period").expect("a period");
            if period < Some(query.range.from) {
                continue;
            }
            let text = |name: &String| row.text_opt(name).expect("text").map(str::to_owned);
            let keys: Vec<Option<String>> = metric.dimensions.iter().map(text).collect();
            let value = row.number_opt("value").expect("a value");
            assert_eq!(ours[&(period, keys)], value, "{id}");
            compared += 1;
        }
        assert!(compared > 0, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_split_adds_up_to_a_plain_count(
        consults in prop::collection::vec((0..3_u8, 0..3_u8, 0..40_u64, any::<bool>()), 0..60),
        grain in prop::sample::select(vec![None, Some(Grain::Day), Some(Grain::Week)]),
        only_site in prop::option::of(0..3_u8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new("2026-03-31");
            let start = day("2026-02-20");
            let rows: Vec<String> = consults
                .iter()
                .enumerate()
                .map(|(id, (site, doctor, after, won))| {
                    let on = start + chrono::Days::new(*after);
                    let doctor = if *doctor == 0 { "null".into() } else { format!("'{doctor}'") };
                    format!("('{id}', 's{site}', '{on}', {doctor}, 'first', {won})")
                })
                .collect();
            if !rows.is_empty() {
                fixture.fill("consult", CONSULTS, &rows.join(", ")).await;
            }
            let filter = only_site.map(|site| DimensionFilter {
                dimension: "site".into(),
                any_of: Some(vec![format!("s{site}")]),
                ..DimensionFilter::default()
            });
            let query = MetricsQuery {
                group_by: vec!["doctor".into()],
                grain,
                filter: filter.into_iter().collect(),
                ..march(&["close_rate_first"])
            };
            let result = ask(&fixture, &query).await;
            let mut plain: BTreeMap<_, (i64, i64)> = BTreeMap::new();
            for (site, doctor, after, won) in &consults {
                let on = start + chrono::Days::new(*after);
                let kept = only_site.is_none_or(|only| only == *site);
                if kept && on >= query.range.from && on <= query.range.to {
                    let period = grain.map(|grain| grain.start(on));
                    let doctor = (*doctor > 0).then(|| doctor.to_string());
                    let cell = plain.entry((period, doctor)).or_default();
                    cell.0 += i64::from(*won);
                    cell.1 += 1;
                }
            }
            let mut total = (0, 0);
            for row in &result.rows {
                let key = (row.period, row.dimensions[0].value.clone());
                let (won, all) = plain.remove(&key).unwrap_or_default();
                total = (total.0 + won, total.1 + all);
                let value = &row.values[0];
                assert_eq!(value.numerator, Some(won.into()));
                assert_eq!(value.denominator, Some(all.into()));
                assert_eq!(value.value.is_none(), all == 0);
            }
            assert!(plain.is_empty(), "cells without a row: {plain:?}");
            assert_eq!(result.totals[0].numerator, Some(total.0.into()));
            assert_eq!(result.totals[0].denominator, Some(total.1.into()));
        });
    }
}
