//! Source tables: the rows of today, and what was rejected on the way.

use std::collections::BTreeMap;

use hub_lake::{TableId, Txn, WriteMode, WriteSpec, raw_schema};
use proptest::prelude::*;

use super::fixture::{World, config, group, lines};
use crate::{build_context, register_raw_view};

/// One landed row; `note` none means a deletion mark without content.
fn landed(load: u32, key: i64, note: Option<&str>) -> String {
    let (deleted, note) = match note {
        Some(note) => (false, format!("\"{note}\"")),
        None => (true, "null".to_owned()),
    };
    format!(
        r#"{{"jzid":{key},"note":{note},"_load_id":"l{load}","_extracted_at":"2026-01-0{load}T20:00:00Z","_load_seq":{load},"_deleted":{deleted}}}"#
    )
}

fn rejected(load: u32, reason: &str) -> String {
    format!(
        r#"{{"_load_id":"l{load}","_extracted_at":"2026-01-0{load}T20:00:00Z","_load_seq":{load},"_deleted":false,"_reject_reason":"{reason}","_reject_column":"note"}}"#
    )
}

async fn two_nights() -> (World, u64) {
    let world = World::empty(config());
    let id = TableId::raw("his", "t_jz");
    let schema = raw_schema(&world.contracts.sources["his"].tables["t_jz"]);
    let nights = [
        vec![
            landed(1, 1, Some("old")),
            landed(1, 2, Some("kept")),
            landed(1, 3, Some("gone")),
            rejected(1, "zero_date"),
        ],
        vec![
            landed(2, 1, Some("new")),
            landed(2, 3, None),
            landed(2, 4, Some("added")),
            rejected(2, "zero_date"),
            rejected(2, "zero_date"),
        ],
    ];
    let mut version = 0;
    for (night, rows) in (1..).zip(nights) {
        let txn = Txn { app_id: "load".into(), version: night };
        let spec = WriteSpec::new(schema.clone(), WriteMode::Append, txn);
        version = world.write(&id, spec, &rows.join("\n")).await;
    }
    world.publish_tables(1, BTreeMap::from([(id.key(), version)])).await;
    (world, version)
}

#[tokio::test]
async fn views_show_the_newest_version_per_key() {
    let (world, version) = two_nights().await;
    let want = ["1|new|l2", "2|kept|l1", "4|added|l2"];
    let sql = "select jzid, note, _load_id from raw.his_t_jz";
    assert_eq!(world.ask(&group(), sql).await.expect("rows"), want);
    for hidden in ["_reject_reason", "_reject_sealed", "_recovered", "landed._reject_sealed"] {
        let sql = format!("select {hidden} from raw.his_t_jz");
        assert!(world.ask(&group(), &sql).await.is_err(), "{hidden}");
    }
    let listed =
        "select column_name from information_schema.columns where column_name like '%seal%'";
    assert_eq!(world.ask(&group(), listed).await.expect("rows"), [""; 0]);

    let source = &world.contracts.sources["his"];
    for (version, want) in [(Some(version), want.as_slice()), (None, &[])] {
        let context = build_context(&config()).expect("a context");
        let registered = register_raw_view(&context, &world.lake, source, "t_jz", version).await;
        registered.expect("registered");
        let frame = context.sql(sql).await.expect("plans");
        assert_eq!(lines(&frame.collect().await.expect("runs")), want);
    }
    let context = build_context(&config()).expect("a context");
    assert!(register_raw_view(&context, &world.lake, source, "t_no", None).await.is_err());
}

#[tokio::test]
async fn histories_keep_every_version_that_was_not_rejected() {
    let (world, version) = two_nights().await;
    let context = build_context(&config()).expect("a context");
    let source = &world.contracts.sources["his"];
    let registered = register_raw_view(&context, &world.lake, source, "t_jz", Some(version)).await;
    registered.expect("registered");
    let sql = "select jzid, note, _deleted from raw.his_t_jz_history order by jzid, _load_seq";
    let frame = context.sql(sql).await.expect("plans");
    let want = [
        "1|new|false",
        "1|old|false",
        "2|kept|false",
        "3|NULL|true",
        "3|gone|false",
        "4|added|false",
    ];
    assert_eq!(lines(&frame.collect().await.expect("runs")), want);
}

#[tokio::test]
async fn recovered_rows_are_rows_and_not_in_quarantine() {
    let world = World::empty(config());
    let id = TableId::raw("his", "t_jz");
    let schema = raw_schema(&world.contracts.sources["his"].tables["t_jz"]);
    let recovered = |key: i64| {
        let row = landed(1, key, Some("found"));
        let marks = r#","_reject_column":"note","_recovered":"zero_date"}"#;
        format!("{}{marks}", row.trim_end_matches('}'))
    };
    let loads = [
        vec![rejected(1, "zero_date"), rejected(1, "zero_date"), rejected(1, "bad_value")],
        vec![landed(2, 8, Some("newer"))],
        vec![recovered(7), recovered(8)],
    ];
    let mut version = 0;
    for (load, rows) in (1..).zip(loads) {
        let txn = Txn { app_id: "load".into(), version: load };
        let spec = WriteSpec::new(schema.clone(), WriteMode::Append, txn);
        version = world.write(&id, spec, &rows.join("\n")).await;
    }
    world.publish_tables(1, BTreeMap::from([(id.key(), version)])).await;
    let counted = world.ask(&group(), "select * from ops.quarantine").await.expect("rows");
    assert_eq!(counted, ["his|t_jz|l1|bad_value|note|1"]);
    let rows = world.ask(&group(), "select jzid, note from raw.his_t_jz").await.expect("rows");
    assert_eq!(rows, ["7|found", "8|newer"]);
}

#[tokio::test]
async fn quarantine_counts_by_load_and_reason() {
    let (world, _) = two_nights().await;
    let counted = world.ask(&group(), "select * from ops.quarantine").await.expect("rows");
    assert_eq!(counted, ["his|t_jz|l1|zero_date|note|1", "his|t_jz|l2|zero_date|note|2"]);
    let versions = world.ask(&group(), "select table_name from ops.table_version").await;
    assert_eq!(versions.expect("rows"), ["raw/his.t_jz"]);
    let snapshot = world.ask(&group(), "select id, business_date from ops.snapshot").await;
    assert_eq!(snapshot.expect("rows"), ["1|2026-03-31"]);
}

/// One landed row of the property: key, day it was read, what it says.
#[derive(Debug, Clone, Copy)]
enum Said {
    Row,
    Deletion,
    Rejected,
}

/// Loads as (day of reading, whether it re-drives quarantine, rows by key).
fn loads() -> impl Strategy<Value = Vec<(u32, bool, BTreeMap<i64, Said>)>> {
    let said =
        prop_oneof![4 => Just(Said::Row), 1 => Just(Said::Deletion), 1 => Just(Said::Rejected)];
    let rows = prop::collection::btree_map(0_i64..12, said, 1..9);
    prop::collection::vec((1_u32..5, prop::bool::weighted(0.2), rows), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Clocks may stand still or go back between loads; the newest reading wins, then the later load.
    #[test]
    fn views_show_what_ranking_every_version_shows(loads in loads()) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let world = World::empty(config());
            let id = TableId::raw("his", "t_jz");
            let schema = raw_schema(&world.contracts.sources["his"].tables["t_jz"]);
            let (mut newest, mut version) = (BTreeMap::new(), 0);
            for (load, (day, retried, rows)) in (1_u32..).zip(&loads) {
                let text = rows.iter().map(|(key, said)| {
                    let note = format!("{load}");
                    let row = match said {
                        Said::Row => landed(load, *key, Some(&note)),
                        Said::Deletion => landed(load, *key, None),
                        Said::Rejected => rejected(load, "zero_date"),
                    };
                    let row = row.replace(&format!("2026-01-0{load}T"), &format!("2026-01-0{day}T"));
                    let retried = *retried && matches!(said, Said::Row);
                    if retried { row.replace('}', r#","_recovered":"zero_date"}"#) } else { row }
                });
                let text = text.collect::<Vec<_>>().join("\n");
                let txn = Txn { app_id: "load".into(), version: i64::from(load) };
                version = world.write(&id, WriteSpec::new(schema.clone(), WriteMode::Append, txn), &text).await;
                for (key, said) in rows {
                    let content = match said {
                        Said::Row => Some(load),
                        Said::Deletion => None,
                        Said::Rejected => continue,
                    };
                    let held = newest.entry(*key).or_insert(((*day, load), content));
                    if held.0 <= (*day, load) {
                        *held = ((*day, load), content);
                    }
                }
            }
            let current = newest.iter().filter_map(|(key, (_, load))| Some(format!("{key}|{}", (*load)?)));
            let mut want: Vec<String> = current.collect();
            want.sort();
            let context = build_context(&config()).expect("a context");
            let source = &world.contracts.sources["his"];
            let registered = register_raw_view(&context, &world.lake, source, "t_jz", Some(version)).await;
            registered.expect("registered");
            let frame = context.sql("select jzid, note from raw.his_t_jz").await.expect("plans");
            let mut found = lines(&frame.collect().await.expect("runs"));
            found.sort();
            prop_assert_eq!(found, want);
            Ok(())
        })?;
    }
}
