//! Attribution over a small mart.

use hub_domain::metric::DimensionFilter;

use super::*;
use crate::readers::testing::{Fixture, day};

const PATHS: &str = "path_id, touch_id, person_id, site_id, ended_on, outcome, value_fen, \
                     channel_id, touched_at, days_before";

/// v1: C1 forty days before, C2 five days before. v2: no touch. v3: C1, a second purchase.
/// One person was touched by C2 and lost.
async fn few() -> Fixture {
    let fixture = Fixture::new("2026-06-30");
    let rows = "('v1', 't1', 'p', 'A', '2026-03-10', 'first_paid', 1001, 'C1', \
                 '2026-01-29T01:00:00', 40), \
                ('v1', 't2', 'p', 'A', '2026-03-10', 'first_paid', 1001, 'C2', \
                 '2026-03-05T01:00:00', 5), \
                ('v2', 'none', 'q', 'B', '2026-03-11', 'first_paid', 500, null, null, null), \
                ('v3', 't3', 'p', 'A', '2026-03-20', 'paid', 300, 'C1', \
                 '2026-03-19T01:00:00', 1), \
                ('lost:r', 't4', 'r', 'A', '2026-03-21', 'lost', 0, 'C2', \
                 '2026-03-21T01:00:00', 0), \
                ('v9', 't9', 's', 'A', '2026-02-01', 'first_paid', 9, 'C9', \
                 '2026-02-01T01:00:00', 0)";
    fixture.fill("touch_path", PATHS, rows).await;
    let channels = "('C1', '抖音', 'online', 'paid'), ('C2', '微信', 'online', 'organic')";
    fixture.fill("channel", "channel_id, name, medium, kind", channels).await;
    fixture
}

fn query(model: Model) -> AttributionQuery {
    AttributionQuery {
        range: DateRange { from: day("2026-03-01"), to: day("2026-03-31") },
        model,
        beside: None,
        lookback_days: 90,
        conversion: Conversion::FirstPaidVisit,
        filter: Vec::new(),
    }
}

async fn credits(fixture: &Fixture, query: &AttributionQuery) -> Vec<(String, String, i64)> {
    let rows = answer(fixture, query).await.expect("rows");
    rows.into_iter()
        .map(|row| {
            let label = row.label.unwrap_or_default();
            (label, row.credit.conversions.to_string(), row.credit.value.0)
        })
        .collect()
}

fn row(label: &str, conversions: &str, value: i64) -> (String, String, i64) {
    (label.into(), conversions.into(), value)
}

#[tokio::test]
async fn credit_and_the_untouched_add_up_to_the_conversions() {
    let fixture = few().await;
    let linear = credits(&fixture, &query(Model::Linear)).await;
    // 1,001 fen in halves: the odd fen goes to one of them.
    let wanted = [row("抖音", "0.5", 501), row("微信", "0.5", 500), row("无触点", "1", 500)];
    assert_eq!(linear, wanted);
    let last = credits(&fixture, &query(Model::Last)).await;
    assert_eq!(last[0], row("微信", "1", 1_001));
    let every = AttributionQuery { conversion: Conversion::PaidVisit, ..query(Model::First) };
    let every = credits(&fixture, &every).await;
    assert_eq!(every[0], row("抖音", "2", 1_301));
}

#[tokio::test]
async fn the_lookback_forgets_early_touches() {
    let fixture = few().await;
    let near = AttributionQuery { lookback_days: 30, ..query(Model::First) };
    let near = credits(&fixture, &near).await;
    assert_eq!(near, [row("微信", "1", 1_001), row("无触点", "1", 500)]);
    let day_only = AttributionQuery { lookback_days: 1, ..query(Model::First) };
    let day_only = credits(&fixture, &day_only).await;
    assert_eq!(day_only[1], row("无触点", "2", 1_501), "what no touch is left of");
    for days in [0, 366] {
        let wrong = AttributionQuery { lookback_days: days, ..query(Model::First) };
        assert!(matches!(answer(&fixture, &wrong).await, Err(Error::BadInput { .. })));
    }
}

/// Paths C1>C2 (won) and C2 (lost): from the start half go to C1, which always leads to C2; C2
/// wins half of its walks. Without C1 a quarter is left: it loses half. Without C2 all is lost.
#[tokio::test]
async fn a_second_model_stands_beside_the_first() {
    let fixture = few().await;
    let asked = AttributionQuery { beside: Some(Model::TimeDecay), ..query(Model::Markov) };
    let rows = answer(&fixture, &asked).await.expect("rows");
    let markov: Vec<_> = rows.iter().map(|row| row.credit.removal).collect();
    assert_eq!(markov, [Some(Decimal::ONE), Some(Decimal::new(5, 1)), None]);
    let beside: Vec<Decimal> =
        rows.iter().map(|row| row.beside.as_ref().expect("beside").conversions).collect();
    assert_eq!(beside.iter().sum::<Decimal>(), Decimal::from(2));
    assert!(beside[0] > Decimal::new(96, 2), "five weeks weigh a thirty-second");
}

#[tokio::test]
async fn filters_are_those_of_the_conversion() {
    let fixture = few().await;
    let of = |dimension: &str| {
        let filter = DimensionFilter {
            dimension: dimension.into(),
            any_of: Some(vec!["B".into()]),
            ..DimensionFilter::default()
        };
        AttributionQuery { filter: vec![filter], ..query(Model::Linear) }
    };
    assert_eq!(credits(&fixture, &of("site")).await, [row("无触点", "1", 500)]);
    assert!(matches!(answer(&fixture, &of("channel")).await, Err(Error::BadInput { .. })));
}

#[tokio::test]
async fn who_may_yet_pay_is_not_lost() {
    let removal = async |lookback_days: u32| {
        let query = AttributionQuery { lookback_days, ..query(Model::Markov) };
        let rows = answer(&few().await, &query).await.expect("rows");
        let of_c1 = rows.into_iter().find(|row| row.channel.as_deref() == Some("C1"));
        of_c1.and_then(|row| row.credit.removal).expect("a removal effect")
    };
    // With C2 alone lost, C1 leads half of the paths to it; without the lost path, all of them.
    assert_ne!(removal(101).await, removal(102).await, "the touch of 21 March is 101 days old");
}
