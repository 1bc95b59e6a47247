//! `LakeTable` against Delta's own provider: the same rows for random predicates.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema, SchemaRef};
use deltalake_core::DeltaTable;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{SortKey, contracts::arrow_type};
use hub_domain::contract::ColumnType;

const ROWS: usize = 3_000;
const MONTHS: i32 = 6;
const PREDICATES: usize = 30;

fn wide_schema() -> SchemaRef {
    let field = |name: &str, column_type| Field::new(name, arrow_type(column_type), true);
    Arc::new(Schema::new(vec![
        field("row_id", ColumnType::Int64),
        field("month", ColumnType::Text),
        field("site", ColumnType::Text),
        field("fee", ColumnType::Decimal(12, 2)),
        field("wide", ColumnType::Decimal(30, 6)),
        field("born", ColumnType::Date),
        field("at", ColumnType::Timestamp),
        field("is_new", ColumnType::Bool),
    ]))
}

fn maybe<T>(random: &mut ChaCha8Rng, share: f64, value: T) -> Option<T> {
    (!random.random_bool(share)).then_some(value)
}

/// Rows with NULLs, ties, negative and very large values.
fn random_rows(random: &mut ChaCha8Rng) -> RecordBatch {
    let mut draw = |make: &mut dyn FnMut(&mut ChaCha8Rng) -> i64, share: f64| -> Vec<Option<i64>> {
        (0..ROWS)
            .map(|_| {
                let value = make(random);
                maybe(random, share, value)
            })
            .collect()
    };
    let months = draw(&mut |r| r.random_range(1..=i64::from(MONTHS)), 0.02);
    let sites = draw(&mut |r| r.random_range(0..9), 0.1);
    let fees = draw(&mut |r| r.random_range(-500_000..5_000_000), 0.1);
    let wides = draw(&mut |r| r.random_range(-900..900), 0.1);
    let born = draw(&mut |r| r.random_range(-20_000..20_000), 0.1);
    let ats = draw(&mut |r| r.random_range(1_600_000_000_000_000..1_760_000_000_000_000), 0.1);
    let news = draw(&mut |r| r.random_range(0..2), 0.3);
    let text = |prefix: &str, values: &[Option<i64>]| -> ArrayRef {
        let texts = values.iter().map(|v| v.map(|v| format!("{prefix}{v:02}")));
        Arc::new(texts.collect::<StringArray>())
    };
    let huge = 123_456_789_012_345_678_i128;
    let fee = fees.iter().map(|v| v.map(i128::from)).collect::<Decimal128Array>();
    let wide = wides.iter().map(|v| v.map(|v| i128::from(v) + huge * 1_000));
    let wide = wide.collect::<Decimal128Array>();
    let date = born.iter().map(|v| v.and_then(|v| i32::try_from(v).ok()));
    let columns: Vec<ArrayRef> = vec![
        Arc::new((0..ROWS as i64).collect::<Int64Array>()),
        text("2024-", &months),
        text("上海S", &sites),
        Arc::new(fee.with_precision_and_scale(12, 2).expect("fits")),
        Arc::new(wide.with_precision_and_scale(30, 6).expect("fits")),
        Arc::new(date.collect::<Date32Array>()),
        Arc::new(ats.into_iter().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(news.iter().map(|v| v.map(|v| v == 1)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(wide_schema(), columns).expect("columns fit")
}

fn atom(random: &mut ChaCha8Rng) -> String {
    let op = ["=", "<>", "<", "<=", ">", ">="][random.random_range(0..6)];
    let n: i64 = random.random_range(0..10);
    match random.random_range(0..14) {
        0 => format!("row_id {op} {}", random.random_range(-10..ROWS as i64 + 10)),
        1 => format!("month {op} '2024-{n:02}'"),
        2 => format!("month in ('2024-{n:02}', '2024-03', '1999-01')"),
        3 => format!("site {op} '上海S{n:02}'"),
        4 => format!("site like '%{n}'"),
        5 => format!("fee {op} {}.{n:02}", random.random_range(-6_000..60_000)),
        6 => format!("wide {op} 123456789012345.67{:03}", random.random_range(700..900)),
        7 => format!("born {op} date '{}-0{}-15'", random.random_range(1920..2025), n.max(1)),
        8 => format!(
            "at {op} timestamp '20{:02}-0{}-01T10:00:00Z'",
            random.random_range(20..26),
            n.max(1)
        ),
        9 => ["is_new", "not is_new", "is_new is null", "is_new = true"][n as usize % 4].into(),
        10 => ["site is null", "fee is not null", "month is null"][n as usize % 3].into(),
        11 => format!("coalesce(site, month) {op} '2024-0{n}'"),
        12 => format!("fee between {} and {}", n * 1_000, n * 2_000),
        _ => format!("row_id in ({n}, {}, {})", n * 100, n * 299),
    }
}

fn predicate(random: &mut ChaCha8Rng) -> String {
    let mut text = atom(random);
    for _ in 0..random.random_range(0..3) {
        let join = ["and", "or", "and not"][random.random_range(0..3)];
        let _ = write!(text, " {join} ({})", atom(random));
    }
    text
}

async fn compare(seed: u64, partitioned: bool) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let home = lake();
    let id = TableId::hub("wide");
    let handle = home.lake.table(&id);
    for round in 1..=2 {
        let txn = Txn { app_id: "load".into(), version: round };
        let mut spec = WriteSpec::new(wide_schema(), WriteMode::Append, txn);
        if partitioned {
            spec.partition_by = Some("month".into());
        }
        spec.sort = vec![SortKey { column: "at".into(), descending: false }];
        let batch = random_rows(&mut random);
        handle.write(spec, stream(vec![batch], wide_schema())).await.expect("written");
    }
    let ours = session(&home.lake, &id, 1).await;
    let mut delta = DeltaTable::new(handle.log_store().clone());
    delta.load().await.expect("loads");
    let theirs = SessionContext::new();
    let provider = delta.table_provider().await.expect("provider");
    theirs.register_table("t", provider).expect("registered");
    let mut hits = 0;
    for _ in 0..PREDICATES {
        let filter = predicate(&mut random);
        let sql = format!(
            "select row_id, month, site, fee, wide, born, at, is_new from t where {filter}"
        );
        let (left, right) = (answer(&ours, &sql).await, answer(&theirs, &sql).await);
        hits += usize::from(!left.is_empty() && left.len() < 2 * ROWS);
        assert!(left == right, "seed {seed}: {filter}: {} against {}", left.len(), right.len());
        let sums = format!(
            "select count(*), min(fee), max(fee), min(wide), max(wide), min(born), max(at), \
             min(site), max(month), count(is_new) from t where {filter}"
        );
        assert_eq!(answer(&ours, &sums).await, answer(&theirs, &sums).await, "{seed}: {filter}");
    }
    assert!(hits > PREDICATES / 3, "most predicates should split the rows: {hits}");
    let whole = "select count(*), min(fee), max(fee), min(wide), max(wide), min(born), max(at), \
                 min(site), max(site), min(month), count(is_new), count(site) from t";
    assert_eq!(answer(&ours, whole).await, answer(&theirs, whole).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitioned_tables_answer_alike() {
    for seed in [1, 2] {
        compare(seed, true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_tables_answer_alike() {
    for seed in [3, 4] {
        compare(seed, false).await;
    }
}
