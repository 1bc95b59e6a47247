//! The published example, then maturity by hand.

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn singles(last: u32) -> Vec<Bracket> {
    (0..=last).map(|k| Bracket { from: k, to: k }).collect()
}

fn timing(bucket: Grain, clock: BucketClock, through: &str) -> Timing {
    let range = DateRange { from: day("2026-04-01"), to: day("2026-06-30") };
    Timing { range, bucket, clock, through: day(through) }
}

fn returned(row: &RetentionRow) -> Vec<u64> {
    row.cells.iter().map(|cell| cell.returned).collect()
}

/// Amplitude's documentation: of the 9,644 of April 1, 6,594 came back on day 3 (68.4 %) and
/// 6,633 on day 3 or after (68.8 %).
#[test]
fn the_published_cohort() {
    let timing = timing(Grain::Day, BucketClock::Calendar, "2026-04-30");
    let of = |by_bucket: &[(u32, u64)]| {
        let counted = Counted { size: 9_644, by_bucket: by_bucket.iter().copied().collect() };
        BTreeMap::from([(day("2026-04-01"), counted)])
    };
    let on = of(&[(0, 9_644), (3, 6_594), (9, 39)]);
    let (rows, total) = table(&on, RetentionMode::ReturnOn, &singles(4), &timing);
    assert_eq!(returned(&rows[0]), [9_644, 0, 0, 6_594, 0]);
    assert_eq!(total.cells[3].rate.map(|rate| rate.round_dp(3)), Some(Decimal::new(684, 3)));
    // By last visit: 39 came on day 9, 6,594 for the last time on day 3.
    let after = of(&[(0, 3_011), (3, 6_594), (9, 39)]);
    let (rows, _) = table(&after, RetentionMode::OnOrAfter, &singles(4), &timing);
    assert_eq!(returned(&rows[0]), [9_644, 6_633, 6_633, 6_633, 39]);
    assert_eq!(rows[0].cells[3].rate.map(|rate| rate.round_dp(3)), Some(Decimal::new(688, 3)));
}

#[test]
fn the_total_row_leaves_out_cohorts_that_have_not_reached_a_bucket() {
    let counted = |size, next| Counted { size, by_bucket: BTreeMap::from([(0, size), (1, next)]) };
    let cohorts = BTreeMap::from([
        (day("2026-04-01"), counted(100, 40)),
        (day("2026-05-01"), counted(50, 30)),
        (day("2026-06-01"), counted(80, 1)),
    ]);
    let timing = timing(Grain::Month, BucketClock::Calendar, "2026-07-30");
    let (rows, total) = table(&cohorts, RetentionMode::ReturnOn, &singles(4), &timing);
    // July has begun for the cohort of June, and is not over.
    assert_eq!(rows[2].cells.len(), 2);
    assert!(!rows[2].cells[1].is_mature);
    assert!(rows[1].cells[1].is_mature);
    assert_eq!((total.cells[1].returned, total.cells[1].cohort), (70, 150));
    assert_eq!(total.cells[0].cohort, 230);
    let july = Timing { through: day("2026-07-31"), ..timing };
    let (_, total) = table(&cohorts, RetentionMode::ReturnOn, &singles(1), &july);
    assert_eq!((total.cells[1].returned, total.cells[1].cohort), (71, 230));
}

#[test]
fn rolling_buckets_wait_for_the_youngest_member() {
    let cohorts = BTreeMap::from([(
        day("2026-04-01"),
        Counted { size: 10, by_bucket: BTreeMap::from([(0, 10), (1, 4)]) },
    )]);
    // Who entered in the evening of April 30 has months of 30 days up to the evenings of May 30
    // and June 29.
    for (through, mature) in [("2026-06-28", false), ("2026-06-29", true)] {
        let timing = timing(Grain::Month, BucketClock::Rolling, through);
        let (rows, _) = table(&cohorts, RetentionMode::ReturnOn, &singles(1), &timing);
        assert_eq!(rows[0].cells[1].is_mature, mature, "{through}");
    }
}

#[test]
fn brackets_are_mature_with_their_last_bucket() {
    let spans = [Bracket { from: 0, to: 0 }, Bracket { from: 1, to: 3 }];
    let counted = Counted { size: 10, by_bucket: BTreeMap::from([(0, 10), (1, 6)]) };
    let cohorts = BTreeMap::from([(day("2026-04-01"), counted)]);
    let timing = timing(Grain::Month, BucketClock::Calendar, "2026-06-30");
    let (rows, total) = table(&cohorts, RetentionMode::Bracket, &spans, &timing);
    assert_eq!(returned(&rows[0]), [10, 6]);
    assert!(!rows[0].cells[1].is_mature, "July is the third month after April");
    assert_eq!(total.cells.len(), 1);
}
