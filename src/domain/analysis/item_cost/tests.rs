//! Department 101 of the published costaccount workbook, and sums over random departments.

use proptest::prelude::*;

use super::*;

fn dec(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn pool(role: Option<&str>, layer: Layer, amount: &str) -> Pool {
    Pool { role: role.map(str::to_owned), layer, amount: dec(amount) }
}

fn item(code: &str, cases: u32, minutes: u32, heads: [u32; 3], material: &str, risk: &str) -> Item {
    let roles = ["doctor", "nurse", "technician"];
    Item {
        code: code.into(),
        cases: cases.into(),
        minutes: minutes.into(),
        heads: roles.iter().zip(heads).map(|(role, it)| ((*role).into(), it.into())).collect(),
        material: dec(material),
        risk: dec(risk),
    }
}

/// Both items of the department: labour is shared between them.
fn workbook() -> (Vec<Pool>, Vec<Item>) {
    let pools = vec![
        pool(Some("doctor"), Layer::Direct, "576303.69"),
        pool(Some("nurse"), Layer::Direct, "194101.45"),
        pool(Some("technician"), Layer::Direct, "19982.33"),
        pool(None, Layer::Direct, "89968.32"),
        pool(None, Layer::Direct, "89936.75"),
        pool(None, Layer::Direct, "89968.32"),
        pool(None, Layer::Direct, "89961.89"),
        pool(Some("doctor"), Layer::Support, "2380.759052935920"),
        pool(Some("nurse"), Layer::Support, "952.303621174368"),
        pool(Some("technician"), Layer::Support, "317.434540391456"),
        pool(None, Layer::Support, "17078.970439220895"),
        pool(None, Layer::Support, "17081.98485737772"),
        pool(None, Layer::Support, "17080.014122824592"),
        pool(Some("doctor"), Layer::Admin, "2756.932783018868"),
        pool(Some("nurse"), Layer::Admin, "1102.773113207547"),
        pool(Some("technician"), Layer::Admin, "367.591037735849"),
        pool(None, Layer::Admin, "19522.671226415092"),
        pool(None, Layer::Admin, "19516.76391509434"),
        pool(None, Layer::Admin, "19516.312594339623"),
    ];
    let items = vec![
        item("ABEA0001", 2_700, 60, [2, 0, 1], "30", "5"),
        item("EBBBP001", 500, 120, [2, 1, 1], "62.5", "3"),
    ];
    (pools, items)
}

#[test]
fn the_published_unit_costs_are_reproduced() {
    let (pools, items) = workbook();
    let costs = item_costs(&pools, &items).expect("costs");
    let wanted = [
        ["285.37374246147", "298.80735655651", "314.16977643810"],
        ["1013.92729070806", "1051.16870786271", "1093.77772984171"],
    ];
    for (cost, wanted) in costs.iter().zip(wanted) {
        for (got, wanted) in [cost.direct, cost.support, cost.full].iter().zip(wanted) {
            assert!((got - dec(wanted)).abs() < dec("0.0000000001"), "{got} is not {wanted}");
        }
    }
}

#[test]
fn without_allocated_pools_all_three_are_equal() {
    let (pools, items) = workbook();
    let own: Vec<Pool> = pools.into_iter().filter(|it| it.layer == Layer::Direct).collect();
    let costs = item_costs(&own, &items).expect("costs");
    assert_eq!(costs[0].direct, costs[0].full);
    assert_eq!(costs[0].direct, costs[0].support);
}

#[test]
fn cost_that_no_item_works_off_fails() {
    let (pools, mut items) = workbook();
    items.truncate(1);
    let error = item_costs(&pools, &items).expect_err("nobody nurses");
    assert_eq!(error, Error::NoMinutes { pool: Some("nurse".into()) });
    assert_eq!(error.to_string(), "no item takes minutes of role `nurse`");
}

#[test]
fn bad_items_are_named() {
    let (pools, items) = workbook();
    let run = |change: fn(&mut Vec<Item>)| {
        let mut items = items.clone();
        change(&mut items);
        item_costs(&pools, &items).expect_err("refused")
    };
    let code = || "EBBBP001".to_owned();
    let none = run(|items| items[1].cases = Decimal::ZERO);
    assert_eq!(none, Error::NoCases { row: 1, code: code() });
    let twice = run(|items| items.push(items[1].clone()));
    assert_eq!(twice, Error::RepeatedItem { row: 2, code: code() });
    let negative = run(|items| items[1].minutes = Decimal::NEGATIVE_ONE);
    assert_eq!(negative, Error::Negative { row: 1, code: code() });
    let unpaid = run(|items| {
        items[1].heads.insert("porter".into(), Decimal::ONE);
    });
    assert_eq!(unpaid, Error::NoPool { row: 1, code: code(), role: "porter".into() });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn items_carry_all_pools(
        amounts in prop::collection::vec((0usize..4, 0usize..3, 0i64..10_000_000), 1..10),
        rows in prop::collection::vec((1u32..3_000, 1u32..400, 1u32..4, 1u32..4, 1u32..4), 1..6),
    ) {
        let layers = [Layer::Direct, Layer::Support, Layer::Admin];
        let roles = [Some("doctor"), Some("nurse"), Some("technician"), None];
        let mut pools: Vec<Pool> = amounts.iter().map(|it| Pool {
            role: roles[it.0].map(str::to_owned),
            layer: layers[it.1],
            amount: Decimal::new(it.2, 2),
        }).collect();
        let total: Decimal = pools.iter().map(|it| it.amount).sum();
        pools.extend(roles.map(|role| pool(role, Layer::Direct, "0")));
        let items: Vec<Item> = rows.iter().enumerate().map(|(index, it)| {
            item(&format!("i{index}"), it.0, it.1, [it.2, it.3, it.4], "0", "0")
        }).collect();
        let costs = item_costs(&pools, &items).expect("costs");
        let carried: Decimal = items.iter().zip(costs).map(|it| it.0.cases * it.1.full).sum();
        prop_assert!((carried - total).abs() < Decimal::new(1, 12), "{carried} of {total}");
    }
}
