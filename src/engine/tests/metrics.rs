//! Views of metrics.

use hub_domain::calendar::{DateRange, Grain};
use hub_domain::metric::MetricsQuery;
use hub_domain::ports::ReadSession;

use super::fixture::{Rows, World, config, group, site_a};

/// Three visits in January, two in February, one person coming twice on a day.
fn few() -> Rows {
    let mut rows = Rows::new();
    let line = |id: u32, person: &str, day: &str, amount: i64| {
        let month = &day[..7];
        format!(
            r#"{{"visit_id":"v{id}","person_id":"{person}","site_id":"A","biz_date":"{day}","month":"{month}","amount_fen":{amount}}}"#
        )
    };
    let lines = [
        line(1, "p1", "2026-01-05", 100),
        line(2, "p1", "2026-01-05", 250),
        line(3, "p2", "2026-01-06", 0),
        line(4, "p1", "2026-02-01", 70),
        line(5, "p3", "2026-02-02", -20),
    ];
    rows.insert("visit", lines.join("\n"));
    rows
}

#[tokio::test]
async fn simple_metrics_have_a_row_per_day_and_dimensions() {
    let world = World::with(config(), &few()).await;
    let sql = "select * from metrics.visits where period < date '2026-02-01'";
    let want = ["2026-01-05|A|2|2|NULL", "2026-01-06|A|1|1|NULL"];
    assert_eq!(world.ask(&group(), sql).await.expect("rows"), want);
    let sql = "select period, value from metrics.persons where period = date '2026-01-05'";
    assert_eq!(world.ask(&group(), sql).await.expect("rows"), ["2026-01-05|1"]);
}

#[tokio::test]
async fn ratios_divide_last() {
    let world = World::with(config(), &few()).await;
    let sql = "select site, sum(numerator), sum(denominator), max(value) from metrics.ticket \
               where period <= date '2026-01-31' group by site";
    assert_eq!(world.ask(&group(), sql).await.expect("rows"), ["A|350|3|175.000000000000"]);
}

#[tokio::test]
async fn an_offset_moves_the_denominator_to_a_later_month() {
    let world = World::with(config(), &few()).await;
    let sql = "select period, value, numerator, denominator from metrics.growth";
    let rows = world.ask(&group(), sql).await.expect("rows");
    let begins =
        ["2026-01-01|NULL|3|0", "2026-02-01|0.66666666666", "2026-03-01|0.000000000000|0|2"];
    assert_eq!(rows.len(), begins.len());
    for (row, begin) in rows.iter().zip(begins) {
        assert!(row.starts_with(begin), "{row} does not begin {begin}");
    }
}

#[tokio::test]
async fn a_ratio_of_a_ratio_is_one_quotient_over_another() {
    let world = World::with(config(), &few()).await;
    let sql = "select value, numerator, denominator from metrics.ratio_of_ratios \
               where period = date '2026-01-05'";
    let row = world.ask(&group(), sql).await.expect("rows").remove(0);
    assert_eq!(row, "175.000000000000|175.000000000000|1");
}

/// Persons of site A also come to site B: before they enter at A, after, and for other amounts.
fn both_sites() -> Rows {
    let mut rows = few();
    let own = rows["visit"].clone();
    let shifted = |text: &str, day: &str| {
        let text = text.replace("\"A\"", "\"B\"").replace(":\"v", ":\"w");
        let text = text.replace("2026-01", day).replace("fen\":-", "fen\":");
        text.replace("fen\":", "fen\":7")
    };
    let elsewhere = [shifted(&own, "2025-12"), shifted(&own, "2026-02").replace(":\"w", ":\"x")];
    rows.insert("visit", [own, elsewhere.join("\n")].join("\n"));
    rows
}

const EVERY_TYPE: [&str; 9] =
    ["visits", "persons", "ticket", "median", "recent", "known", "repeat", "worth", "mixed"];

#[tokio::test]
async fn no_type_counts_what_the_principal_may_not_see() {
    let (both, own) = (both_sites(), few());
    let (both, own) = (World::with(config(), &both).await, World::with(config(), &own).await);
    for id in EVERY_TYPE {
        let sql = format!("select * from metrics.{id}");
        let seen = both.ask(&site_a(), &sql).await.expect("rows");
        assert_eq!(seen, own.ask(&group(), &sql).await.expect("rows"), "{id}");
        assert_ne!(seen, both.ask(&group(), &sql).await.expect("rows"), "{id} has more to hide");
    }
    let range = DateRange {
        from: "2026-01-01".parse().expect("a day"),
        to: "2026-02-28".parse().expect("a day"),
    };
    for grain in [None, Some(Grain::Day), Some(Grain::Month)] {
        let query = MetricsQuery { grain, ..MetricsQuery::total(&EVERY_TYPE, range) };
        let (seen, permitted) = (both.open(&site_a()).await, own.open(&group()).await);
        let seen = ReadSession::metrics(seen.as_ref(), &query).await.expect("an answer");
        let permitted = ReadSession::metrics(permitted.as_ref(), &query).await.expect("an answer");
        assert_eq!(seen.rows, permitted.rows, "{grain:?}");
        assert_eq!(seen.totals, permitted.totals, "{grain:?}");
    }
}
