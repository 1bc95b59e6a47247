//! By hand, then sums over random chains.

use super::*;
use proptest::prelude::*;

fn totals(numbers: &[i64]) -> Vec<Decimal> {
    numbers.iter().map(|number| Decimal::from(*number)).collect()
}

/// 100 persons, 40 pay, 60 paying visits, 120,000 fen; then 120, 60, 90, 225,000.
#[test]
fn a_change_by_hand() {
    let (base, now) = (totals(&[100, 40, 60, 120_000]), totals(&[120, 60, 90, 225_000]));
    let shown: Vec<String> =
        drivers(&base).expect("drivers").iter().map(|it| it.expect("one").to_string()).collect();
    assert_eq!(shown, ["100", "0.4", "1.5", "2000"]);
    // Traffic ×1.2: +24,000. Conversion 0.4→0.5: 144,000→180,000. Frequency stays 1.5.
    // Ticket 2,000→2,500: 180,000→225,000.
    let shares = contributions(&base, &now, Method::Sequential).expect("shares");
    assert_eq!(shares, totals(&[24_000, 36_000, 0, 45_000]));
    // L = 105,000 ÷ ln 1.875 = 167,035.56…; times ln 1.2, ln 1.25, 0, ln 1.25.
    let shares = contributions(&base, &now, Method::Lmdi).expect("shares");
    assert_eq!(shares, totals(&[30_454, 37_273, 0, 37_273]));
}

#[test]
fn nothing_gives_nothing_and_not_something() {
    let none = totals(&[0, 0, 0, 0]);
    assert_eq!(drivers(&none).expect("drivers"), [Some(Decimal::ZERO), None, None, None]);
    let now = totals(&[10, 5, 5, 700]);
    let shares = contributions(&none, &now, Method::Sequential).expect("shares");
    assert_eq!(shares.iter().sum::<Decimal>(), Decimal::from(700));
    let broken = totals(&[10, 0, 3, 700]);
    assert_eq!(drivers(&broken), Err(Error::FromNothing { place: 2 }));
    assert_eq!(contributions(&none, &now, Method::Lmdi), Err(Error::NotPositive));
    assert_eq!(contributions(&[], &[], Method::Lmdi), Err(Error::Uneven));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn shares_add_up_to_the_change(
        base in prop::collection::vec(1_i64..2_000_000_000, 1..6),
        seed in prop::collection::vec(1_i64..2_000_000_000, 6),
        loss in any::<bool>(),
    ) {
        let (mut base, mut now) = (totals(&base), totals(&seed[..base.len()]));
        for method in [Method::Sequential, Method::Lmdi] {
            let shares = contributions(&base, &now, method).expect("shares");
            let change = now[now.len() - 1] - base[base.len() - 1];
            prop_assert_eq!(shares.iter().sum::<Decimal>(), change);
        }
        if loss {
            // A margin may be negative; in order, shares still add up.
            let last = base.len() - 1;
            base[last] = -base[last];
            now.reverse();
            let shares = contributions(&base, &now, Method::Sequential).expect("shares");
            prop_assert_eq!(shares.iter().sum::<Decimal>(), now[last] - base[last]);
        }
    }

    #[test]
    fn drivers_multiply_to_the_last_total(
        numbers in prop::collection::vec(1_i64..1_000_000, 1..6),
    ) {
        let all = fractions(&totals(&numbers)).expect("drivers");
        let product: BigRational = all.iter().product();
        prop_assert_eq!(product, exact::fraction(Decimal::from(numbers[numbers.len() - 1])));
    }
}
