//! Published allocations, refused inputs, and sums over random networks.

use num_traits::ToPrimitive;
use proptest::prelude::*;

use super::*;

fn dec(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn service(code: &str, step: u32, direct: i64) -> Centre {
    Centre { code: code.into(), step: Some(step), is_final: false, direct: direct.into() }
}

fn keeper(code: &str, direct: i64) -> Centre {
    Centre { code: code.into(), step: None, is_final: true, direct: direct.into() }
}

fn driver(from: &str, to: &str, qty: &str) -> Driver {
    Driver { from: from.into(), to: to.into(), qty: dec(qty) }
}

fn full(answer: &Allocation, code: &str) -> Decimal {
    answer.centres.iter().find(|it| it.code == code).expect("listed").full
}

/// Laundry by kilogram, housekeeping by area, administration by staff: the example of BHIMA's
/// cost-centre documentation, with the units each centre takes from itself.
fn bhima() -> (Vec<Centre>, Vec<Driver>) {
    let centres = vec![
        service("Laundry", 1, 7_000),
        service("Housekeeping", 2, 5_000),
        service("Administration", 3, 20_000),
        keeper("Surgery", 40_000),
        keeper("Pharmacy", 100_000),
    ];
    let units = [[5, 5, 20, 40, 20], [50, 50, 100, 100, 100], [2, 2, 2, 4, 2]];
    let mut drivers = Vec::new();
    for (from, units) in centres.iter().zip(units) {
        for (to, qty) in centres.iter().zip(units) {
            drivers.push(Driver { from: from.code.clone(), to: to.code.clone(), qty: qty.into() });
        }
    }
    (centres, drivers)
}

#[test]
fn step_down_gives_the_published_shares() {
    let (centres, drivers) = bhima();
    let answer = allocate(&centres, &drivers, Method::StepDown).expect("allocates");
    let surgery = dec("9292000") / dec("153");
    assert!((full(&answer, "Surgery") - surgery).abs() < dec("0.00000000000000000001"));
    assert_eq!(answer.centres[3].rounded, dec("60732.03"));
    assert_eq!(answer.centres[4].rounded, dec("111267.97"));
    assert_eq!(answer.total, dec("172000"));
}

#[test]
fn direct_leaves_services_out() {
    let (centres, drivers) = bhima();
    let answer = allocate(&centres, &drivers, Method::Direct).expect("allocates");
    assert_eq!(full(&answer, "Surgery"), dec("60500"));
    assert_eq!(full(&answer, "Pharmacy"), dec("111500"));
    assert_eq!(full(&answer, "Laundry"), dec("7000"));
}

#[test]
fn reciprocal_gives_the_computed_shares() {
    let (centres, drivers) = bhima();
    let answer = allocate(&centres, &drivers, Method::Reciprocal).expect("allocates");
    let wanted = ["13873.563218", "11103.448276", "26436.781609", "60275.862069", "111724.137931"];
    for (centre, wanted) in answer.centres.iter().zip(wanted) {
        assert_eq!(centre.full.round_dp(6), dec(wanted), "{}", centre.code);
    }
}

/// J = 450000 + 0.2 C, C = 250000 + 0.5 J; published equations.
#[test]
fn reciprocal_solves_the_published_equations() {
    let centres = [
        service("J", 1, 450_000),
        service("C", 2, 250_000),
        keeper("Cutting", 0),
        keeper("Assembly", 0),
    ];
    let drivers = [
        driver("J", "C", "0.5"),
        driver("J", "Cutting", "0.1"),
        driver("J", "Assembly", "0.4"),
        driver("C", "J", "0.2"),
        driver("C", "Cutting", "0.6"),
        driver("C", "Assembly", "0.2"),
    ];
    let answer = allocate(&centres, &drivers, Method::Reciprocal).expect("allocates");
    let wanted = [
        ("J", "555555.55555555555556"),
        ("C", "527777.77777777777778"),
        ("Cutting", "372222.22222222222222"),
        ("Assembly", "327777.77777777777778"),
    ];
    for (code, wanted) in wanted {
        assert_eq!(full(&answer, code).round_dp(14), dec(wanted), "{code}");
    }
}

#[test]
fn cost_that_nobody_takes_fails_and_names_the_centre() {
    let centres = [service("A", 1, 10), service("B", 2, 10), keeper("F", 0)];
    let drivers = [driver("A", "F", "1"), driver("B", "A", "1"), driver("B", "F", "0")];
    let failed = |method| allocate(&centres, &drivers, method).expect_err("refused");
    assert_eq!(failed(Method::Direct), Error::ZeroDriver { code: "B".into() });
    assert_eq!(failed(Method::StepDown), Error::ZeroDriver { code: "B".into() });
    let answer = allocate(&centres, &drivers, Method::Reciprocal).expect("through A");
    assert_eq!(full(&answer, "F"), dec("20"));
    let none = allocate(&centres, &drivers[..1], Method::Reciprocal).expect_err("refused");
    assert_eq!(none, Error::ZeroDriver { code: "B".into() });
}

#[test]
fn a_closed_loop_is_singular() {
    let centres = [service("A", 1, 10), service("B", 2, 0), service("C", 3, 1), keeper("F", 0)];
    let drivers = [driver("A", "B", "1"), driver("B", "A", "1"), driver("C", "F", "1")];
    let error = allocate(&centres, &drivers, Method::Reciprocal).expect_err("singular");
    assert_eq!(error, Error::Singular { codes: vec!["A".into(), "B".into()] });
    assert_eq!(
        error.to_string(),
        "no final centre takes from `A`, `B`, directly or through others"
    );
}

#[test]
fn a_centre_without_cost_needs_no_driver() {
    let centres = [service("A", 1, 0), keeper("F", 5)];
    for method in [Method::Direct, Method::StepDown, Method::Reciprocal] {
        assert_eq!(full(&allocate(&centres, &[], method).expect("allocates"), "F"), dec("5"));
    }
}

#[test]
fn bad_rows_are_named() {
    let centres = [service("A", 1, 1), keeper("F", 1)];
    let of = |drivers: &[Driver]| allocate(&centres, drivers, Method::Direct).expect_err("refused");
    let unknown = Error::UnknownCentre { row: 1, code: "X".into() };
    assert_eq!(of(&[driver("A", "F", "1"), driver("A", "X", "1")]), unknown);
    assert_eq!(of(&[driver("A", "F", "-1")]), Error::NegativeDriver { row: 0, qty: dec("-1") });
    let twice = [keeper("F", 1), keeper("F", 1)];
    let repeated = Error::RepeatedCentre { row: 1, code: "F".into() };
    assert_eq!(allocate(&twice, &[], Method::Direct), Err(repeated));
    let unordered = [Centre { step: None, ..service("A", 1, 1) }];
    let no_step = Error::NoStep { row: 0, code: "A".into() };
    assert_eq!(allocate(&unordered, &[], Method::StepDown), Err(no_step));
}

/// The reciprocal method by definition: pass cost round and round until little is left.
fn by_rounds(centres: &[Centre], drivers: &[Driver]) -> Vec<f64> {
    let of = |code: &str| centres.iter().position(|it| it.code == code).expect("listed");
    let qty = |it: &Driver| it.qty.to_f64().expect("a number");
    let real = |it: &&Driver| it.from != it.to;
    let mut kept = vec![0.0; centres.len()];
    let mut moving: Vec<f64> =
        centres.iter().map(|it| it.direct.to_f64().expect("a number")).collect();
    for _ in 0..4_000 {
        let mut next = vec![0.0; centres.len()];
        for (index, centre) in centres.iter().enumerate() {
            if centre.is_final {
                kept[index] += moving[index];
                continue;
            }
            let own = || drivers.iter().filter(real).filter(|it| it.from == centre.code);
            let total: f64 = own().map(qty).sum();
            for driver in own() {
                next[of(&driver.to)] += moving[index] * qty(driver) / total;
            }
        }
        moving = next;
    }
    kept
}

prop_compose! {
    /// Up to four services; each serves the one final centre a little, so nothing is stuck.
    fn networks()(services in 1usize..5, finals in 1usize..4)
        (costs in prop::collection::vec(-50_000i64..1_000_000, services + finals),
         units in prop::collection::vec(0u32..60, services * (services + finals)),
         services in Just(services))
        -> (Vec<Centre>, Vec<Driver>) {
        let centres: Vec<Centre> = costs.iter().enumerate().map(|(index, fen)| Centre {
            code: format!("c{index}"),
            step: Some(index as u32 / 2),
            is_final: index >= services,
            direct: Decimal::new(*fen, 2),
        }).collect();
        let mut drivers = vec![];
        for from in 0..services {
            for to in 0..centres.len() {
                let qty = units[from * centres.len() + to] + u32::from(to == services);
                drivers.push(driver(&format!("c{from}"), &format!("c{to}"), &qty.to_string()));
            }
        }
        (centres, drivers)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_method_keeps_the_sum((centres, drivers) in networks()) {
        for method in [Method::Direct, Method::StepDown, Method::Reciprocal] {
            let answer = allocate(&centres, &drivers, method).expect("allocates");
            let finals = || answer.centres.iter().filter(|it| it.is_final);
            let rounded: Decimal = finals().map(|it| it.rounded).sum();
            prop_assert_eq!(rounded, answer.total, "{:?} to the fen", method);
            let exact: Decimal = finals().map(|it| it.full).sum();
            prop_assert!((exact - answer.total).abs() < Decimal::new(1, 15), "{:?}", method);
        }
    }

    #[test]
    fn reciprocal_agrees_with_passing_on_and_on((centres, drivers) in networks()) {
        let answer = allocate(&centres, &drivers, Method::Reciprocal).expect("allocates");
        for (centre, wanted) in answer.centres.iter().zip(by_rounds(&centres, &drivers)) {
            let got = centre.full.to_f64().expect("a number");
            prop_assert!(!centre.is_final || (got - wanted).abs() < 1e-4, "{} {got} {wanted}",
                centre.code);
        }
    }
}
