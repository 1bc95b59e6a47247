//! Drivers over small tables.

use hub_domain::analysis::profit_driver::Method;

use super::*;
use crate::readers::testing::{Fixture, day};

/// February: persons p, q; p pays 100 on one visit. March: p, q, r; p and q pay, p twice, 500 in
/// all. Costs of March: 30 labour in the clinic, 20 rent.
async fn few() -> Fixture {
    let fixture = Fixture::new("2026-03-31");
    let visits = "('1', 'p', 'A', '2026-02-01', true, true), ('2', 'q', 'A', '2026-02-02', false, true), \
                  ('3', 'p', 'A', '2026-03-01', true, true), ('4', 'p', 'A', '2026-03-02', true, true), \
                  ('5', 'q', 'A', '2026-03-03', true, true), ('6', 'r', 'A', '2026-03-04', false, true)";
    let columns = "visit_id, person_id, site_id, biz_date, is_paying, is_costed";
    fixture.fill("visit", columns, visits).await;
    let payments = "('1', 'p', 'A', '2026-02-01', true, 100), ('2', 'p', 'A', '2026-03-01', true, 200), \
                    ('3', 'p', 'A', '2026-03-02', true, 200), ('4', 'q', 'A', '2026-03-03', true, 100)";
    let columns = "payment_id, person_id, site_id, biz_date, is_cash, cash_fen";
    fixture.fill("payment", columns, payments).await;
    let earned = "('1', 'A', '2026-02-01', 90, true), ('2', 'A', '2026-03-01', 400, true)";
    fixture
        .fill("earned_line", "earned_id, site_id, biz_date, amount_fen, is_costed", earned)
        .await;
    let costs = "('2026-03', 'D', 'A', '2026-03-01', 'labour', 'clinical', 30), \
                 ('2026-03', 'D', 'A', '2026-03-01', 'rent', 'admin', 20), \
                 ('2026-02', 'D', 'A', '2026-02-01', 'rent', 'admin', 25)";
    let columns = "month, dept_id, site_id, biz_date, cost_class, dept_cost_class, amount_fen";
    fixture.fill("cost_direct", columns, costs).await;
    fixture
}

fn query(basis: ProfitBasis) -> ProfitQuery {
    ProfitQuery {
        range: DateRange::month_of(day("2026-03-01")),
        base: None,
        basis,
        method: Method::Sequential,
        filter: Vec::new(),
    }
}

fn contributions_of(drivers: &ProfitDrivers) -> Vec<(&str, i64)> {
    drivers.factors.iter().map(|it| (it.id.as_str(), it.contribution.0)).collect()
}

#[tokio::test]
async fn cash_is_a_product_and_its_change_a_sum() {
    let fixture = few().await;
    let drivers = answer(&fixture, &query(ProfitBasis::Cash)).await.expect("drivers");
    assert_eq!(drivers.base_range, DateRange::month_of(day("2026-02-01")));
    assert_eq!((drivers.base.0, drivers.now.0, drivers.change.0), (100, 500, 400));
    let now: Vec<String> =
        drivers.factors.iter().map(|it| it.now.expect("a value").to_string()).collect();
    assert_eq!(now, ["3", "0.666666666667", "1.5", "166.666666666667"]);
    // 2·½·1·100 = 100 → 150 with three persons → 200 with two thirds → 300 → 500.
    let wanted = [("traffic", 50), ("conversion", 50), ("frequency", 100), ("ticket", 200)];
    assert_eq!(contributions_of(&drivers), wanted);
}

#[tokio::test]
async fn profit_is_the_margin_less_what_it_leaves_out() {
    let fixture = few().await;
    let drivers = answer(&fixture, &query(ProfitBasis::Earned)).await.expect("drivers");
    // February 90 − 25, March 400 − 30 − 20.
    assert_eq!((drivers.base.0, drivers.now.0), (65, 350));
    assert_eq!(drivers.change.0, 285);
    let fixed = drivers.factors.last().expect("fixed cost");
    assert_eq!((fixed.id.as_str(), fixed.contribution.0), ("fixed_cost", 5));
    assert_eq!(drivers.factors[4].now, Some(rust_decimal::Decimal::new(925, 3)));
}

#[tokio::test]
async fn a_change_no_logarithm_explains_is_refused() {
    let fixture = few().await;
    let mut asked = ProfitQuery { method: Method::Lmdi, ..query(ProfitBasis::Cash) };
    let drivers = answer(&fixture, &asked).await.expect("drivers");
    assert_eq!(drivers.factors.iter().map(|it| it.contribution.0).sum::<i64>(), 400);
    asked.base = Some(DateRange::month_of(day("2025-01-01")));
    let refused = answer(&fixture, &asked).await;
    assert!(matches!(refused, Err(Error::BadInput { hint: Some(_), .. })));
}
