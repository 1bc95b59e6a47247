//! The published workbook and BHIMA's example through declared rules, refusals that name their
//! centre, and sums over random books.

use num_traits::ToPrimitive;
use proptest::prelude::*;

use super::*;

fn dec(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn rules(text: &str) -> RuleVersion {
    serde_saphyr::from_str(text).expect("rules")
}

fn centre(code: &str, class: &str, site: &str) -> Centre {
    let (class, brand) = (class.to_owned(), None);
    Centre { code: code.into(), class, site: Some(site.into()), brand }
}

fn value(driver: &str, from: Option<&str>, to: &str, qty: &str) -> DriverValue {
    let from = from.map(str::to_owned);
    DriverValue { driver: driver.into(), from, to: to.into(), qty: dec(qty) }
}

fn cost(centre: &str, cost_class: &str, fen: i64) -> Cost {
    Cost { centre: centre.into(), cost_class: cost_class.into(), fen }
}

/// Full cost in fen of a centre that keeps it.
fn full(shares: &[Share], at: usize) -> Decimal {
    shares.iter().filter(|it| it.centre == at).map(|it| it.amount).sum()
}

/// Code, class, direct cost in yuan, headcount, outpatient revenue, sterilised units,
/// inpatients, published full cost: sheets 表1 and 表2 of the costaccount workbook
/// 成本核算公式&验证&展示20180826.xlsx.
const WORKBOOK: &str = "\
101 clinical 1329107.42 23 1834 158 0 1999072.884445
102 clinical 1332910.65 22 2186 214 0 2035919.845675
103 clinical 1330579.60 22 3283 194 0 2003252.317947
201 clinical 1330149.84 31 0 356 2836 2020354.387312
202 clinical 1332193.00 30 0 398 3129 2012818.364292
203 clinical 1329627.90 36 0 416 3695 2083651.200330
301 med_tech 886708.31 9 3328 217 0 -
302 med_tech 729957.17 7 2671 261 0 -
303 med_tech 730510.86 6 2956 243 0 -
401 med_support 289066.01 8 0 0 0 -
402 med_support 377193.54 7 0 0 0 -
403 med_support 289248.34 6 0 0 0 -
404 med_support 289120.47 5 0 0 0 -
501 admin 289297.88 8 0 0 0 -
502 admin 289398.01 9 0 0 0 -";

/// Orders of 101, 102, 103, 201, 202, 203 from each technical department.
const ORDERS: [(&str, [u32; 6]); 3] = [
    ("301", [223, 286, 247, 192, 148, 169]),
    ("302", [296, 213, 258, 137, 162, 185]),
    ("303", [86, 99, 75, 63, 56, 49]),
];

const WORKBOOK_RULES: &str = "
version: '2018'
valid_from: 2018-01
methods: [three_level]
published: three_level
final_classes: [clinical]
levels:
  - { class: admin, drivers: [{ driver: headcount }] }
  - class: med_support
    drivers:
      - { centre: '401', driver: outpatient_revenue }
      - { centre: '402', driver: sterilised }
      - { centre: '40*', driver: inpatients }
  - { class: med_tech, drivers: [{ driver: orders }] }
";

fn workbook() -> Books {
    let mut books = Books { month: "2018-08".into(), ..Books::default() };
    let names = ["headcount", "outpatient_revenue", "sterilised", "inpatients"];
    for line in WORKBOOK.lines() {
        let cells: Vec<&str> = line.split(' ').collect();
        books.centres.push(centre(cells[0], cells[1], "hospital"));
        let fen = (dec(cells[2]) * dec("100")).to_i64().expect("fen");
        books.costs.push(cost(cells[0], "all", fen));
        for (driver, qty) in names.iter().zip(&cells[3..7]) {
            books.drivers.push(value(driver, None, cells[0], qty));
        }
    }
    for (giver, units) in ORDERS {
        for (taker, qty) in ["101", "102", "103", "201", "202", "203"].iter().zip(units) {
            books.drivers.push(value("orders", Some(giver), taker, &qty.to_string()));
        }
    }
    books
}

#[test]
fn the_published_workbook_comes_out_of_declared_rules() {
    let books = workbook();
    let rules = rules(WORKBOOK_RULES);
    let shares = shares(&books, &rules, Method::ThreeLevel).expect("allocates");
    for (at, line) in WORKBOOK.lines().enumerate() {
        let wanted = line.rsplit(' ').next().expect("a cell");
        let got = full(&shares, at) / dec("100");
        if wanted == "-" {
            assert_eq!(got, Decimal::ZERO, "{line}: a service centre keeps nothing");
        } else {
            assert!((got - dec(wanted)).abs() < dec("0.000001"), "{line}: {got}");
        }
    }
    assert_eq!(shares.iter().map(|it| it.fen).sum::<i64>(), 1_215_506_900);
    // Level 2 of 101: published as 60556.376255.
    let level2 = shares.iter().find(|it| it.centre == 0 && it.level == 2).expect("received");
    assert_eq!(level2.fen, 6_055_638);
}

const BHIMA_RULES: &str = "
version: bhima
valid_from: 2020-01
methods: [direct, step_down, reciprocal, three_level]
published: step_down
final_classes: [final]
levels:
  - class: service
    drivers:
      - { centre: Laundry, driver: kg }
      - { centre: Housekeeping, driver: area }
      - { centre: Administration, driver: staff }
";

/// The example of BHIMA's cost-centre documentation, as heads of the taker.
fn bhima() -> Books {
    let rows: [(&str, &str, i64, [u32; 3]); 5] = [
        ("Administration", "service", 20_000, [20, 100, 2]),
        ("Housekeeping", "service", 5_000, [5, 50, 2]),
        ("Laundry", "service", 7_000, [5, 50, 2]),
        ("Pharmacy", "final", 100_000, [20, 100, 2]),
        ("Surgery", "final", 40_000, [40, 100, 4]),
    ];
    let mut books = Books { month: "2020-01".into(), ..Books::default() };
    for (code, class, yuan, units) in rows {
        books.centres.push(centre(code, class, "hospital"));
        books.costs.push(cost(code, "all", yuan * 100));
        for (driver, qty) in ["kg", "area", "staff"].iter().zip(units) {
            books.drivers.push(value(driver, None, code, &qty.to_string()));
        }
    }
    books
}

/// Published: step-down 60,732.03 and 111,267.97; the others solved by hand from its data.
#[test]
fn every_method_gives_the_figures_of_the_example() {
    let runs = runs(&bhima(), &rules(BHIMA_RULES));
    let wanted = [("60500.00", "111500.00"), ("60732.03", "111267.97"), ("60275.86", "111724.14")];
    for (run, (surgery, pharmacy)) in runs.iter().zip(wanted) {
        let shares = run.shares.as_ref().expect("allocates");
        let fen = |at| shares.iter().filter(|it| it.centre == at).map(|it| it.fen).sum::<i64>();
        assert_eq!(Decimal::new(fen(4), 2), dec(surgery), "{:?}", run.method);
        assert_eq!(Decimal::new(fen(3), 2), dec(pharmacy), "{:?}", run.method);
    }
    // One level only: its centres give each other nothing.
    assert_eq!(runs[3].shares, runs[0].shares);
    assert_ne!(runs[3].id, runs[0].id);
}

#[test]
fn a_centre_nobody_takes_from_refuses_the_run_and_is_named() {
    let run = |change: fn(&mut Books)| {
        let mut books = workbook();
        change(&mut books);
        shares(&books, &rules(WORKBOOK_RULES), Method::ThreeLevel).expect_err("refused")
    };
    let zero = run(|books| books.drivers.retain(|it| it.from.as_deref() != Some("303")));
    assert_eq!(zero.code(), "zero_driver");
    assert_eq!(
        zero.to_string(),
        "centre `303` has `all` to pass on but its driver `orders` totals zero"
    );
    let rent = run(|books| books.costs.push(cost("900", "rent", 1)));
    assert_eq!(rent, Refusal::UnknownCentre { centre: "900".into() });
    let class = run(|books| books.centres[0].class = "kitchen".into());
    assert_eq!(class.centre(), Some("101"));
    let none = run(|books| {
        books.centres.push(centre("499x", "med_support", "hospital"));
        books.costs.push(cost("499x", "all", 5));
    });
    assert_eq!(none, Refusal::NoDriver { centre: "499x".into(), cost_class: "all".into() });
    let negative = run(|books| books.drivers[0].qty = dec("-1"));
    let driver = "headcount".into();
    assert_eq!(negative, Refusal::NegativeDriver { centre: "101".into(), driver });
    let twice = run(|books| books.centres.push(centre("101", "clinical", "hospital")));
    assert_eq!(twice.code(), "repeated_centre");
    let brand = run(|books| books.drivers.push(value("orders", Some("301"), "999", "1")));
    assert_eq!(brand, Refusal::UnknownCentre { centre: "999".into() });
}

#[test]
fn a_second_driver_serves_the_months_without_units_of_the_first() {
    let text =
        WORKBOOK_RULES.replace("{ driver: orders }", "{ driver: orders, otherwise: headcount }");
    let (named, spare) = (rules(WORKBOOK_RULES), rules(&text));
    let full = workbook();
    let of = |books: &Books, rules: &RuleVersion| shares(books, rules, Method::ThreeLevel);
    assert_eq!(of(&full, &spare), of(&full, &named), "the first driver has units");
    let mut idle = full;
    idle.drivers.retain(|it| it.driver != "orders");
    assert_eq!(of(&idle, &named).expect_err("refused").centre(), Some("301"));
    let shares = of(&idle, &spare).expect("allocates");
    // Radiology's 1009918.2928, with the shares of levels 1 and 2, by 23 of 164 heads, and so on.
    let taken = shares.iter().find(|it| it.centre == 0 && it.level == 3).expect("received");
    let passed: i64 =
        shares.iter().filter(|it| it.kind == Kind::Passed && it.level == 3).map(|it| -it.fen).sum();
    let wanted = Decimal::from(passed) * dec("23") / dec("164");
    assert!((taken.amount - wanted).abs() < dec("1"), "{} {wanted}", taken.amount);
    let mut none = idle;
    none.drivers.retain(|it| it.driver != "headcount" || it.to.starts_with('3'));
    let error = of(&none, &spare).expect_err("refused");
    assert_eq!((error.code(), error.centre()), ("zero_driver", Some("301")));
}

const SITES_RULES: &str = "
version: sites
valid_from: 2020-01
methods: [direct, step_down, reciprocal, three_level]
published: three_level
final_classes: [clinical]
levels:
  - class: admin
    drivers:
      - { centre: HQ, driver: heads, scope: group }
      - { driver: heads, cost_class: [labour] }
      - { driver: area }
  - { class: support, drivers: [{ driver: packs }] }
";

prop_compose! {
    /// Up to three sites with up to four service and three clinical centres each; `packs` may
    /// run in circles, but the first clinical centre always takes some.
    fn books(hq: bool)(sites in 1usize..4, services in 1usize..5, finals in 1usize..4)
        (fen in prop::collection::vec(-50_000i64..9_000_000, 2 * sites * (services + finals)),
         units in prop::collection::vec(0u32..50, 3 * (sites * (services + finals)).pow(2)),
         services in Just(services), finals in Just(finals), sites in Just(sites))
        -> Books {
        let mut books = Books { month: "2020-02".into(), ..Books::default() };
        let (mut fen, mut units) = (fen.into_iter(), units.into_iter());
        for site in 0..sites {
            let code = |at: usize| format!("s{site}c{at}");
            for at in 0..services + finals {
                let class = match at {
                    0 => "admin",
                    _ if at < services => "support",
                    _ => "clinical",
                };
                books.centres.push(centre(&code(at), class, &format!("s{site}")));
                for class in ["labour", "rent"] {
                    books.costs.push(cost(&code(at), class, fen.next().expect("enough")));
                }
                for driver in ["heads", "area"] {
                    let qty = units.next().expect("enough") + u32::from(at == services);
                    books.drivers.push(value(driver, None, &code(at), &qty.to_string()));
                }
                for to in 0..services + finals {
                    let qty = units.next().expect("enough") + u32::from(to == services);
                    if (1..services).contains(&at) {
                        let (from, qty) = (code(at), qty.to_string());
                        books.drivers.push(value("packs", Some(&from), &code(to), &qty));
                    }
                }
            }
        }
        if hq {
            books.centres.push(Centre { code: "HQ".into(), class: "admin".into(), site: None, brand: None });
            books.costs.push(cost("HQ", "labour", 1_234_567));
        }
        books
    }
}

/// Full cost by solving all equations at once in floating point, Gauss with pivots:
/// y_j = c_j + Σ_i y_i q_ij / Σ_k q_ik for every centre j.
fn dense(books: &Books, class: &str) -> Vec<f64> {
    let size = books.centres.len();
    let at = |code: &str| books.centres.iter().position(|it| it.code == code).expect("known");
    let mut matrix = vec![vec![0.0; size + 1]; size];
    for (row, line) in matrix.iter_mut().enumerate() {
        line[row] = 1.0;
    }
    for cost in books.costs.iter().filter(|it| it.cost_class == class) {
        matrix[at(&cost.centre)][size] += cost.fen as f64;
    }
    for (giver, centre) in books.centres.iter().enumerate() {
        let driver = match (centre.class.as_str(), class) {
            ("clinical", _) => continue,
            ("admin", "labour") => "heads",
            ("admin", _) => "area",
            _ => "packs",
        };
        let takes = |it: &&DriverValue| {
            let own = it.from.as_ref().is_none_or(|from| *from == centre.code);
            let near = books.centres[at(&it.to)].site == centre.site;
            it.driver == driver && own && near && it.to != centre.code
        };
        let qty = |it: &DriverValue| it.qty.to_f64().expect("a number");
        let total: f64 = books.drivers.iter().filter(takes).map(qty).sum();
        for value in books.drivers.iter().filter(takes) {
            matrix[at(&value.to)][giver] -= qty(value) / total;
        }
    }
    for step in 0..size {
        let pivot = (step..size)
            .max_by(|a, b| matrix[*a][step].abs().total_cmp(&matrix[*b][step].abs()))
            .expect("a row");
        matrix.swap(step, pivot);
        let top = matrix[step].clone();
        for (_, line) in matrix.iter_mut().enumerate().filter(|it| it.0 != step) {
            let factor = line[step] / top[step];
            for (cell, above) in line.iter_mut().zip(&top) {
                *cell -= factor * above;
            }
        }
    }
    (0..size).map(|row| matrix[row][size] / matrix[row][row]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..Default::default() })]

    #[test]
    fn nothing_is_lost_by_any_method(books in books(true)) {
        let rules = rules(SITES_RULES);
        for method in Method::ALL {
            let shares = shares(&books, &rules, method).expect("allocates");
            for class in ["labour", "rent"] {
                let own = |it: &&Share| it.cost_class == class;
                let direct: i64 =
                    books.costs.iter().filter(|it| it.cost_class == class).map(|it| it.fen).sum();
                let fen: i64 = shares.iter().filter(own).map(|it| it.fen).sum();
                prop_assert_eq!(fen, direct, "{:?} {} to the fen", method, class);
                let amount: Decimal = shares.iter().filter(own).map(|it| it.amount).sum();
                prop_assert_eq!(amount, Decimal::from(direct), "{:?} {}", method, class);
            }
            for (at, centre) in books.centres.iter().enumerate() {
                let own = shares.iter().filter(|it| it.centre == at);
                let left: i64 = own.clone().map(|it| it.fen).sum();
                prop_assert!(centre.class == "clinical" || left == 0, "{} keeps", centre.code);
                for share in own.filter(|it| it.kind == Kind::Received) {
                    let off = (share.amount - Decimal::from(share.fen)).abs();
                    prop_assert!(off < Decimal::ONE, "{off} of a fen is more than rounding");
                }
            }
        }
    }

    #[test]
    fn reciprocal_is_the_solution_of_all_equations_at_once(books in books(false)) {
        let shares = shares(&books, &rules(SITES_RULES), Method::Reciprocal).expect("allocates");
        for class in ["labour", "rent"] {
            let dense = dense(&books, class);
            for (at, wanted) in dense.iter().enumerate() {
                if books.centres[at].class != "clinical" {
                    continue;
                }
                let own = shares.iter().filter(|it| it.centre == at && it.cost_class == class);
                let got = own.map(|it| it.amount).sum::<Decimal>().to_f64().expect("a number");
                prop_assert!((got - wanted).abs() < 1e-3, "{}: {got} {wanted}", at);
            }
        }
    }

    #[test]
    fn the_order_of_rows_and_other_sites_do_not_matter(books in books(false), turn in 0usize..40) {
        let rules = rules(SITES_RULES);
        let mut turned = books.clone();
        let (centres, costs) = (books.centres.len(), books.costs.len());
        turned.centres.rotate_left(turn % centres);
        turned.costs.rotate_left(turn % costs);
        turned.drivers.reverse();
        let mut alone = books.clone();
        alone.centres.retain(|it| it.site.as_deref() == Some("s0"));
        alone.costs.retain(|it| it.centre.starts_with("s0"));
        alone.drivers.retain(|it| it.to.starts_with("s0"));
        for method in Method::ALL {
            let by_code = |books: &Books| {
                let shares = shares(books, &rules, method).expect("allocates");
                let code = |at: usize| books.centres[at].code.clone();
                let amounts = shares.into_iter().map(|it| {
                    ((code(it.centre), it.cost_class, it.kind, it.level), it.amount)
                });
                amounts.collect::<BTreeMap<_, _>>()
            };
            let (whole, turned) = (by_code(&books), by_code(&turned));
            // Ties of the last digit go to the first centre, wherever it stands.
            let near = |a: &BTreeMap<_, Decimal>, b: &BTreeMap<_, Decimal>| {
                a.len() == b.len() && a.iter().all(|(key, amount)| {
                    b.get(key).is_some_and(|it| (*it - *amount).abs() <= Decimal::new(1, 12))
                })
            };
            prop_assert!(near(&whole, &turned), "{:?}", method);
            let own = whole.into_iter().filter(|it| it.0.0.starts_with("s0")).collect();
            prop_assert!(near(&own, &by_code(&alone)), "{:?}: alone", method);
        }
    }

    #[test]
    fn centres_that_do_not_serve_each_other_may_close_in_any_order(books in books(false)) {
        let mut books = books;
        let is_final: BTreeMap<String, bool> =
            books.centres.iter().map(|it| (it.code.clone(), it.class == "clinical")).collect();
        books.drivers.retain(|it| it.driver != "packs" || is_final[&it.to]);
        let mut forward = rules(SITES_RULES);
        let closing = |at: usize| DriverRule {
            centre: Some(format!("s*c{at}")),
            cost_class: vec![],
            driver: "packs".into(),
            otherwise: None,
            scope: Scope::Site,
        };
        forward.levels[1].drivers = (1..4).map(closing).collect();
        let mut backward = forward.clone();
        backward.levels[1].drivers.reverse();
        let full = |rules: &RuleVersion| {
            let shares = shares(&books, rules, Method::StepDown).expect("allocates");
            let mut full: BTreeMap<(usize, String), Decimal> = BTreeMap::new();
            for share in shares {
                *full.entry((share.centre, share.cost_class)).or_default() += share.amount;
            }
            full
        };
        prop_assert_eq!(full(&forward), full(&backward));
    }
}
