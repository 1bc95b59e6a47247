//! The matrix by hand.

use super::*;
use crate::readers::testing::{Fixture, day};

/// p: obgyn on January 1, postpartum 40 days later, dental 400 days later. q: obgyn on
/// December 1. r: postpartum before obgyn.
async fn few() -> Fixture {
    let fixture = Fixture::new("2026-12-31");
    let entries = "('p', 'obgyn', '2026-01-01', '2026-01-01T01:00:00'), \
                   ('p', 'postpartum', '2026-02-10', '2026-02-10T01:00:00'), \
                   ('p', 'dental', '2027-02-05', '2027-02-05T01:00:00'), \
                   ('q', 'obgyn', '2026-12-01', '2026-12-01T01:00:00'), \
                   ('r', 'postpartum', '2026-01-02', '2026-01-02T01:00:00'), \
                   ('r', 'obgyn', '2026-01-05', '2026-01-05T01:00:00')";
    fixture.fill("line_entry", "person_id, business_line, entered_on, entered_at", entries).await;
    let payments = "('1', 'p', 'postpartum', '2026-02-10', true, 800), \
                    ('2', 'p', 'postpartum', '2026-03-31', true, 50), \
                    ('3', 'p', 'postpartum', '2026-05-02', true, 9000), \
                    ('4', 'p', 'postpartum', '2026-02-11', false, 70), \
                    ('5', 'p', 'obgyn', '2026-02-11', true, 4000)";
    let columns = "payment_id, person_id, business_line, biz_date, is_cash, cash_fen";
    fixture.fill("payment", columns, payments).await;
    fixture
}

#[tokio::test]
async fn a_person_counts_once_per_pair_and_in_time() {
    let fixture = few().await;
    let range = DateRange { from: day("2026-01-01"), to: day("2026-12-31") };
    let rows = answer(&fixture, range, 90).await.expect("rows");
    let cell = |from: &str, to: &str| {
        rows.iter().find(|row| row.from_line == from && row.to_line == to).expect("a cell")
    };
    let found = cell("obgyn", "postpartum");
    assert_eq!((found.cohort, found.persons), (3, 1), "r came the other way round");
    assert_eq!((found.mature_cohort, found.mature_persons), (2, 1), "q has until March");
    assert_eq!(found.median_days, Some(40));
    assert_eq!(found.revenue, Fen(850), "cash in the line, until ninety days after the first");
    assert_eq!(found.mature_rate, Some(Decimal::new(5, 1)));
    assert_eq!(found.to_label.as_deref(), Some("月子"));
    assert_eq!(cell("postpartum", "obgyn").persons, 1);
    let never = cell("obgyn", "dental");
    assert_eq!((never.persons, never.rate), (0, Some(Decimal::ZERO)), "400 days are too many");
    assert!(rows.iter().all(|row| row.from_line != "dental"), "nobody entered there in the range");
}

#[tokio::test]
async fn windows_have_days() {
    let fixture = few().await;
    let range = DateRange { from: day("2026-01-01"), to: day("2026-12-31") };
    for days in [0, 4_000] {
        let refused = answer(&fixture, range, days).await;
        assert!(matches!(refused, Err(Error::BadInput { hint: Some(_), .. })), "{days}");
    }
}
