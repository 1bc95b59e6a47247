use std::sync::Arc;

use arrow::array::{Decimal128Array, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;

use super::amounts::Total;
use super::shape::{KeyShape, SumColumn};
use super::*;

/// Seed of the property tests; `CLINICHUB_SEED` replays one.
#[expect(clippy::disallowed_methods, reason = "a seed is replayed from the environment")]
fn seed() -> u64 {
    let given = std::env::var("CLINICHUB_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or(20_261_122)
}

/// A small generator of numbers; the same seed gives the same ones.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.roll(last as u64 + 1) as usize);
        }
    }
}

type Line = (i64, String, i64);

fn shape(key: KeyShape) -> Shape {
    Shape { key, sums: vec![SumColumn { name: "fee".into(), scale: 2 }] }
}

fn amounts(shape: &Shape, lines: &[Line]) -> Amounts {
    let ids = Int64Array::from_iter_values(lines.iter().map(|line| line.0));
    let names = StringArray::from_iter_values(lines.iter().map(|line| &line.1));
    let fees = Decimal128Array::from_iter_values(lines.iter().map(|line| i128::from(line.2)));
    let fees = fees.with_precision_and_scale(12, 2).expect("a decimal");
    let batch = RecordBatch::try_from_iter(vec![
        ("id", Arc::new(ids) as _),
        ("name", Arc::new(names) as _),
        ("fee", Arc::new(fees) as _),
    ]);
    let mut amounts = Amounts::of(shape);
    amounts.add_batch(shape, &batch.expect("a batch")).expect("counted");
    amounts
}

#[test]
fn order_does_not_matter_and_every_small_change_does() {
    let seed = seed();
    eprintln!("CLINICHUB_SEED={seed}");
    let mut dice = Dice(seed);
    let shapes = [
        shape(KeyShape::Number("id".into())),
        shape(KeyShape::Text(vec!["name".into(), "id".into()])),
    ];
    for round in 0..200 {
        let count = 2 + dice.roll(60) as i64;
        let step = 1 + dice.roll(1 << 40) as i64;
        let line = |row: i64, fee: u64| (row * step - step, format!("客{row}"), fee as i64 - 500);
        let mut lines: Vec<Line> = (0..count).map(|row| line(row, dice.roll(1_000))).collect();
        let at = dice.roll(count as u64) as usize;
        let other = (at + 1 + dice.roll(count as u64 - 1) as usize) % lines.len();
        for shape in &shapes {
            let whole = amounts(shape, &lines);
            let mut changed = lines.clone();
            dice.shuffle(&mut changed);
            assert_eq!(amounts(shape, &changed), whole, "order, round {round}");
            let differs = |what: &str, changed: &[Line]| {
                let changed = amounts(shape, changed);
                // A key of 0 adds nothing to sums of numbers; the count of rows tells it.
                let same = (changed.rows, changed.keys) == (whole.rows, whole.keys);
                assert!(!same, "{what}, round {round}");
            };
            changed.remove(at);
            differs("a loss", &changed);
            let mut changed = lines.clone();
            changed.push(lines[at].clone());
            differs("a double", &changed);
            changed.remove(other);
            differs("a loss hidden by a double", &changed);
            let mut changed = lines.clone();
            changed[at].0 += 61 * step;
            changed[other].0 -= 61 * step;
            changed[at].1 = "other".into();
            differs("two keys moved against each other", &changed);
            let mut changed = lines.clone();
            changed[at].2 += 1;
            assert_ne!(amounts(shape, &changed).sums, whole.sums, "a fen more, round {round}");
        }
        dice.shuffle(&mut lines);
    }
}

#[test]
fn parts_add_up_to_the_whole() {
    let shape = shape(KeyShape::Number("id".into()));
    let lines: Vec<Line> = (0..10).map(|row| (row - 5, String::new(), row * 7)).collect();
    let whole = amounts(&shape, &lines);
    let mut sum = amounts(&shape, &lines[..3]);
    sum.add(&amounts(&shape, &lines[3..]));
    assert_eq!(sum, whole);
    sum.subtract(&amounts(&shape, &lines[..3]));
    assert_eq!(sum, amounts(&shape, &lines[3..]));
}

#[test]
fn totals_are_exact_and_keep_their_text() {
    for (text, scale, printed) in [
        ("12.5", 2, "12.50"),
        ("-0.05", 2, "-0.05"),
        ("123456789012345678901234567890123456789012", 0, ""),
        ("99999999999999999999999999999999999999999.99", 2, ""),
        ("7.00", 0, "7"),
        ("0", 4, "0.0000"),
    ] {
        let total = Total::parse(text, scale).expect(text);
        assert_eq!(total.print(scale), if printed.is_empty() { text } else { printed });
        let stored = serde_json::to_string(&total).expect("JSON");
        assert_eq!(serde_json::from_str::<Total>(&stored).expect("JSON"), total);
    }
    assert_eq!(Total::parse("1.005", 2), None, "no place is lost quietly");
    assert_eq!(Total::parse("many", 2), None);
}

#[test]
fn only_what_differs_is_told() {
    let shape = shape(KeyShape::Number("id".into()));
    let lines: Vec<Line> = (1..5).map(|row| (row, String::new(), row * 100)).collect();
    let apart = amounts(&shape, &lines[..1]);
    let source = amounts(&shape, &lines).into();
    let reckoning = Reckoning { load_seq: 3, shape: shape.clone(), source, apart };
    assert!(agrees(&reckoning.compared(amounts(&shape, &lines[1..]))));
    let short = reckoning.compared(amounts(&shape, &lines[2..]));
    assert!(!agrees(&short));
    let told: Vec<String> =
        short.iter().map(|one| format!("{} {} {}", one.amount, one.source, one.lake)).collect();
    assert_eq!((told[0].as_str(), told[2].as_str()), ("rows 4 3", "sum:fee 10.00 8.00"));
    assert!(short[1].amount == "keys" && short[1].source != short[1].lake);
}
