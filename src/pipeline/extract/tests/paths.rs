//! The two ways a row can take — straight into its columns, or cell by cell through the row path —
//! and one reader or several: whatever the way, the same rows land and the same are refused.
//!
//! Rows are drawn from a seed that is printed; `CLINICHUB_SEED` replays one.

use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use mysql_async::prelude::Queryable;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::mysql::database;
use super::postgres::schema;
use super::*;
use crate::extract::intake::{IntakeOptions, Tally, TallySlot};

const COLUMNS: &str = "{ id: int64, big: 'int64?', ok: 'bool?', born: 'date?', at: timestamp, \
                       seen: 'timestamp?', fee: 'decimal(12,2)?', name: text, loose: 'int64?' }";

#[expect(clippy::disallowed_methods, reason = "a failing seed is replayed from the environment")]
fn seed() -> u64 {
    let seed = std::env::var("CLINICHUB_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("CLINICHUB_SEED={seed}");
    seed
}

/// Literals for each column after `id`: most fit, some do not; `''` marks what must be quoted.
fn literals(server: &str) -> Vec<Vec<&'static str>> {
    let mut all = vec![
        vec!["1", "-1", "0", "9223372036854775807", "NULL"],
        vec!["true", "false", "NULL"],
        vec!["'1990-02-28'", "'2024-02-29'", "'1000-01-01'", "'9999-12-31'", "NULL"],
        vec!["'2026-03-01 08:00:00.25'", "'1986-05-04 02:30:00'", "'2024-01-01 00:00:00'", "NULL"],
        vec!["'2026-03-01 08:00:00'", "'2001-09-09 01:46:40.000001'", "NULL"],
        vec!["0", "12.5", "-0.01", "9999999999.99", "12345678901", "0.005", "0.0100000", "NULL"],
        vec!["'王伟'", "''", "'𠮷 '", "'a|b'", "'x'"],
        vec!["'7'", "'-7'", "'many'", "'王'", "'1.0'", "NULL"],
    ];
    if server == "postgres" {
        all[2].extend(["'infinity'", "'0001-01-01 BC'", "'10000-01-01'", "'0001-01-01'"]);
        all[3].extend(["'-infinity'", "'10000-01-01'", "'0001-01-01'"]);
        all[4].extend(["'infinity'", "'-infinity'", "'4713-01-01 BC'"]);
        all[5].extend(["'NaN'", "123456789012345678.0000000001"]);
    } else {
        all[2].extend(["'0000-00-00'", "'2024-00-12'"]);
        all[3].extend(["'0000-00-00'", "'2024-05-00 10:00:00'"]);
        all[4].push("0");
    }
    all
}

/// `count` rows as one VALUES list; some keys are NULL, and some come twice where they may.
fn rows(random: &mut StdRng, count: i64, server: &str, unique: bool) -> String {
    let literals = literals(server);
    let row = |id: i64| {
        let id = match random.random_range(0..40) {
            0 if !unique => "NULL".to_owned(),
            1 if !unique => (id / 2).to_string(),
            _ => id.to_string(),
        };
        let pick = |of: &Vec<&'static str>, random: &mut StdRng| {
            // The first literals fit: most rows do.
            let few = &of[..2];
            let from = if random.random_range(0..4) > 0 { few } else { of };
            (*from.choose(random).expect("literals")).to_owned()
        };
        let cells: Vec<String> = literals.iter().map(|of| pick(of, random)).collect();
        format!("({id}, {})", cells.join(", "))
    };
    (1..=count).map(row).collect::<Vec<_>>().join(",\n")
}

/// Everything a read delivers, in an order of its own, and its tally.
async fn read(config: &str, columns: &str, straight: bool) -> (Vec<String>, Tally) {
    let config: SourceConfig = serde_saphyr::from_str(config).expect("a section");
    let (_, table) = config.tables.iter().next().expect("a table");
    let contract: SourceContract =
        serde_saphyr::from_str(&format!("{{ source: src, tables: {{ t: {columns} }} }}"))
            .expect("a contract");
    let zone = chrono_tz::Asia::Shanghai;
    let mut source = connect("src", &config, zone).await.expect("a connection");
    let relation = table.relation("t", config.kind);
    let found = source.describe(&relation).await.expect("columns");
    let contract = contract.tables.get("t");
    let (source_id, before) = ("src", None);
    let plan =
        Plan { source: source_id, table: "t", config: table, contract, relation, found, before };
    let spec = plan.spec().expect("a spec");
    let mut selection = selection::Selection::default();
    if let Some(cursor) = spec.cursor {
        let from = Some(946_684_800_000_000);
        let range = selection::Range { column: cursor.column, from, to: None, odd: true };
        selection.ranges.push(range);
    }
    let options = IntakeOptions {
        stamp: builder::LoadStamp { load_id: "x".into(), extracted_at: 0, load_seq: 0 },
        zone: cell::ZoneTable::new(zone),
        selection,
        ceiling: None,
        known: std::collections::HashMap::new(),
        sealer: None,
    };
    let slot = TallySlot::default();
    let mut intake = Intake::new(Arc::new(spec), options, Arc::clone(&slot)).expect("intake");
    intake.judges_all = !straight;
    let batches: Vec<RecordBatch> =
        source.open(intake).await.expect("a stream").try_collect().await.expect("rows");
    let format = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in &batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c.as_ref(), &format).expect("a format"))
            .collect();
        lines.extend((0..batch.num_rows()).map(|row| {
            columns.iter().map(|c| format!("{:?}", c.value(row).to_string())).collect()
        }));
    }
    lines.sort_unstable();
    source.close().await;
    let tally = slot.lock().expect("a slot").take().expect("a tally");
    (lines, tally)
}

async fn both_agree(config: &str, key: &str) -> Tally {
    let columns = format!("{{ key: [{key}], columns: {COLUMNS} }}");
    let (straight, tally) = read(config, &columns, true).await;
    let (judged, expected) = read(config, &columns, false).await;
    assert_eq!(straight, judged);
    let mut keys: Vec<_> = tally.keys.iter().collect();
    let mut others: Vec<_> = expected.keys.iter().collect();
    keys.sort_unstable();
    others.sort_unstable();
    assert!(keys == others);
    assert_eq!(
        (tally.read, tally.loaded, &tally.rejected, tally.landed, tally.newest, tally.ahead),
        (
            expected.read,
            expected.loaded,
            &expected.rejected,
            expected.landed,
            expected.newest,
            expected.ahead
        )
    );
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_both_paths_and_several_readers_agree() {
    let mut random = StdRng::seed_from_u64(seed());
    for unique in [true, false] {
        let Some((url, client)) = schema(&format!("paths_{unique}")).await else { return };
        let key = if unique { "id int8 PRIMARY KEY" } else { "id int8" };
        client
            .batch_execute(&format!(
                "SET timezone = 'Asia/Shanghai';
                 CREATE TABLE t ({key}, big int8, ok bool, born date, at timestamp, \
                 seen timestamptz, fee numeric, name varchar(20), loose text);
                 INSERT INTO t VALUES {}",
                rows(&mut random, 6_000, "postgres", unique)
            ))
            .await
            .expect("rows");
        for cursor in ["", ", cursor: { column: at, nulls: reject }"] {
            let config = |connections: u32| {
                format!(
                    "{{ kind: postgres, url: '{url}', limits: {{ connections: {connections} }}, \
                     tables: {{ t: {{ from: hub_paths_{unique}.t{cursor} }} }} }}"
                )
            };
            let one = both_agree(&config(1), "id").await;
            let three = both_agree(&config(3), "id").await;
            assert_eq!((one.read, &one.rejected), (three.read, &three.rejected));
            assert_eq!(one.rejected.contains_key("duplicate_key"), !unique, "{:?}", one.rejected);
            assert!(one.loaded > 1_000 && one.rejected.len() > 2, "{:?}", one.rejected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_both_paths_agree() {
    let mut random = StdRng::seed_from_u64(seed());
    for unique in [true, false] {
        let Some((url, mut connection)) = database(&format!("paths_{unique}")).await else {
            return;
        };
        let key = if unique { "id BIGINT PRIMARY KEY" } else { "id BIGINT" };
        let table = format!(
            "CREATE TABLE t ({key}, big BIGINT UNSIGNED, ok BIT(1), born DATE, at DATETIME(6), \
             seen TIMESTAMP(6) NULL, fee DECIMAL(30,10), name VARCHAR(20), loose TEXT)"
        );
        connection.query_drop(table).await.expect("a table");
        let insert = format!("INSERT INTO t VALUES {}", rows(&mut random, 3_000, "mysql", unique));
        connection.query_drop(insert).await.expect("rows");
        for cursor in ["", ", cursor: { column: at, nulls: reject }"] {
            let config = format!(
                "{{ kind: mysql, url: '{url}', \
                 tables: {{ t: {{ from: hub_paths_{unique}.t{cursor} }} }} }}"
            );
            let tally = both_agree(&config, "id").await;
            assert_eq!(tally.rejected.contains_key("duplicate_key"), !unique);
            assert!(tally.loaded > 500 && tally.rejected.len() > 2, "{:?}", tally.rejected);
        }
    }
}

/// Several readers see one moment, every row once, and the keys of all rows.
#[tokio::test(flavor = "multi_thread")]
async fn several_readers_share_one_snapshot() {
    let Some((url, client)) = schema("shared").await else { return };
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY, v text);
             INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 30000) i",
        )
        .await
        .expect("rows");
    let bench = Bench::new(
        "{ t: { key: [id], columns: { id: int64, v: 'text?' } } }",
        &format!(
            "{{ kind: postgres, url: '{url}', limits: {{ connections: 3 }}, \
             tables: {{ t: {{ from: hub_shared.t, deletes: scan }} }} }}"
        ),
    );
    assert_eq!(bench.night(1).await.remove(0).rows_read, 30_000);
    client
        .batch_execute("DELETE FROM t WHERE id % 1000 = 7; INSERT INTO t VALUES (50000, 'new')")
        .await
        .expect("changes");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.rows_read, load.rows_deleted), (29_971, 30));
    let found = bench.ask("t", "SELECT count(*), count(DISTINCT id), sum(id) FROM raw").await;
    let sum: i64 = (1..=30_000).filter(|id| id % 1_000 != 7).sum::<i64>() + 50_000;
    assert_eq!(found, [format!("29971 29971 {sum}")]);

    let section = format!(
        "{{ kind: postgres, url: '{url}', limits: {{ connections: 3 }}, \
         tables: {{ t: {{ from: hub_shared.t }} }} }}"
    );
    let section: SourceConfig = serde_saphyr::from_str(&section).expect("a section");
    let mut source = connect("src", &section, chrono_tz::UTC).await.expect("a connection");
    client.batch_execute("DELETE FROM t WHERE id > 100").await.expect("a change");
    assert_eq!(super::postgres::rows_of(source.as_mut(), "hub_shared.t").await, 29_971);
    source.close().await;
}
