//! The published workbook of the costaccount project, and rules as files write them.

use super::*;

fn dec(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// Code, class, direct cost, headcount, outpatient revenue, sterilised units, inpatients, and
/// the published shares of levels 1, 2, 3 and full cost.
const WORKBOOK: &str = "\
101 clinical 1329107.42 23 1834 158 0 62783.044670 60556.376255 546626.043519 1999072.884445
102 clinical 1332910.65 22 2186 214 0 60053.347075 76320.223525 566635.625074 2035919.845675
103 clinical 1330579.6 22 3283 194 0 60053.347075 94072.382998 518546.987873 2003252.317947
201 clinical 1330149.84 31 0 356 2836 84620.625425 236034.792554 369549.129333 2020354.387312
202 clinical 1332193.0 30 0 398 3129 81890.927830 261262.579239 337471.857224 2012818.364292
203 clinical 1329627.9 36 0 416 3695 98269.113396 299813.075155 355941.111778 2083651.200330
301 med_tech 886708.31 9 3328 217 0 24567.278349 98642.704469 - 1009918.292818
302 med_tech 729957.17 7 2671 261 0 19107.883160 93175.791419 - 842240.844580
303 med_tech 730510.86 6 2956 243 0 16378.185566 95722.571838 - 842611.617404
401 med_support 289066.01 8 0 0 0 21837.580755 - - 310903.590755
402 med_support 377193.54 7 0 0 0 19107.883160 - - 396301.423160
403 med_support 289248.34 6 0 0 0 16378.185566 - - 305626.525566
404 med_support 289120.47 5 0 0 0 13648.487972 - - 302768.957972
501 admin 289297.88 8 0 0 0 - - - 289297.88
502 admin 289398.01 9 0 0 0 - - - 289398.01";

/// Orders of 101, 102, 103, 201, 202, 203 from each technical department.
const ORDERED: [(&str, [u32; 6]); 3] = [
    ("301", [223, 286, 247, 192, 148, 169]),
    ("302", [296, 213, 258, 137, 162, 185]),
    ("303", [86, 99, 75, 63, 56, 49]),
];

fn departments() -> Vec<Department> {
    let names = ["headcount", "outpatient_revenue", "sterilisation_units", "inpatients"];
    let parse = |line: &str| {
        let cells: Vec<&str> = line.split(' ').collect();
        let units = names.iter().zip(&cells[3..7]);
        Department {
            code: cells[0].into(),
            class: Class::parse(cells[1]).expect("a class"),
            direct: dec(cells[2]),
            drivers: units.map(|(name, units)| ((*name).to_owned(), dec(units))).collect(),
        }
    };
    WORKBOOK.lines().map(parse).collect()
}

fn orders() -> Vec<Order> {
    let takers = ["101", "102", "103", "201", "202", "203"];
    let row = |giver: &str, taker: &str, qty: u32| Order {
        from: taker.into(),
        to: giver.into(),
        qty: qty.into(),
    };
    ORDERED
        .iter()
        .flat_map(|(giver, units)| {
            takers.iter().zip(units).map(move |(taker, qty)| row(giver, taker, *qty))
        })
        .collect()
}

fn rules() -> Rules {
    let level2 = [
        ("401", "outpatient_revenue"),
        ("402", "sterilisation_units"),
        ("403", "inpatients"),
        ("404", "inpatients"),
    ];
    let centres = level2.map(|(code, driver)| (code.to_owned(), driver.to_owned())).into();
    Rules { level2: LevelRule { default: None, centres }, ..Rules::default() }
}

#[test]
fn the_published_workbook_is_reproduced() {
    let answer = three_level(&departments(), &orders(), &rules()).expect("allocates");
    for (line, row) in WORKBOOK.lines().zip(&answer.departments) {
        let cells: Vec<&str> = line.split(' ').collect();
        for (level, wanted) in row.levels.iter().zip(&cells[7..10]) {
            match (level, *wanted) {
                (None, "-") => {}
                (Some(got), wanted) => close(*got, wanted, line),
                (None, wanted) => panic!("{line}: nothing instead of {wanted}"),
            }
        }
        close(row.cost.full, cells[10], line);
    }
    assert_eq!(answer.total, dec("12155069.00"));
    let clinical = answer.departments.iter().filter(|it| it.cost.is_final);
    assert_eq!(clinical.map(|it| it.cost.rounded).sum::<Decimal>(), answer.total);
}

fn close(got: Decimal, wanted: &str, line: &str) {
    assert!((got - dec(wanted)).abs() < dec("0.000001"), "{line}: {got} is not {wanted}");
}

#[test]
fn orders_may_be_written_from_either_end() {
    let turned: Vec<Order> =
        orders().into_iter().map(|it| Order { from: it.to, to: it.from, qty: it.qty }).collect();
    let answer = |orders: &[Order]| three_level(&departments(), orders, &rules());
    assert_eq!(answer(&turned), answer(&orders()));
}

#[test]
fn rules_are_read_from_text() {
    let text = "level1: headcount\nlevel2:\n  401: outpatient_revenue\n  \"402\": \
                sterilisation_units\n  403: inpatients\n  0404: inpatients\nlevel3: orders\n";
    let read: Rules = serde_saphyr::from_str(&text.replace("0404", "404")).expect("rules");
    assert_eq!(read, rules());
    let prose = r#"{"level1": "headcount share over all non-admin depts",
        "level2": {"default": "inpatients", "0401": "outpatient_revenue"},
        "level3": "ordered quantity share per med-tech dept"}"#;
    let read: Rules = serde_saphyr::from_str(prose).expect("rules");
    assert_eq!(read.level1, Rules::default().level1);
    assert_eq!(read.level3, Rules::default().level3);
    assert_eq!(read.level2.of("0401"), Some("outpatient_revenue"));
    assert_eq!(read.level2.of("9"), Some("inpatients"));
    assert!(serde_saphyr::from_str::<Rules>("level4: headcount").is_err());
}

#[test]
fn missing_drivers_are_named() {
    let run = |rules: &Rules| three_level(&departments(), &orders(), rules).expect_err("refused");
    let none = Error::NoDriver { level: 2, code: "401".into() };
    assert_eq!(run(&Rules::default()), none);
    let mut unknown = rules();
    unknown.level2.centres.insert("403".into(), "beds".into());
    let error = Error::UnknownDriver { code: "403".into(), driver: "beds".into() };
    assert_eq!(run(&unknown), error);
    let mut stray = rules();
    stray.level2.centres.insert("301".into(), "inpatients".into());
    assert_eq!(run(&stray), Error::UnknownDepartment { level: 2, code: "301".into() });
    let zero = three_level(&departments(), &orders()[..12], &rules()).expect_err("refused");
    let code = "303".into();
    assert_eq!(zero, Error::Allocation(allocation::Error::ZeroDriver { code }));
}

#[test]
fn class_names_are_tolerant() {
    assert_eq!(Class::parse("clinical"), Some(Class::Clinical));
    assert_eq!(Class::parse("clinical_day_care"), Some(Class::Clinical));
    assert_eq!(Class::parse("support"), Some(Class::MedSupport));
    assert_eq!(Class::parse("canteen"), None);
}
