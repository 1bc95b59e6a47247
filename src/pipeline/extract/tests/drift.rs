//! Columns that change between nights: what lands, what freezes, what the others do meanwhile.

use hub_domain::run::LoadStatus;
use rusqlite::Connection;

use super::*;

fn bench(contract: &str, table: &str) -> (Bench, Connection) {
    let config =
        format!("{{ kind: sqlite, path: DIR/his.db, tables: {{ t: {{ {table} }}, u: {{}} }} }}");
    let bench = Bench::new(contract, &config);
    let database = Connection::open(bench.path("his.db")).expect("a database");
    database
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, at TEXT);
             CREATE TABLE u (id INTEGER PRIMARY KEY, w TEXT);
             INSERT INTO t VALUES (1, 10, '2026-03-01 10:00:00'); INSERT INTO u VALUES (1, 'x')",
        )
        .expect("SQL");
    (bench, database)
}

const CONTRACT: &str = "{ t: { key: [id], columns: { id: int64, v: 'int64?', at: 'timestamp?' } },
                          u: { key: [id], columns: { id: int64, w: 'text?' } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_column_freezes_its_table_while_the_others_load() {
    for contract in [CONTRACT, ""] {
        let (bench, database) = bench(contract, "");
        bench.night(1).await;
        database
            .execute_batch(
                "ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (2, '2026-03-02 10:00:00');
                 INSERT INTO u VALUES (2, 'y')",
            )
            .expect("SQL");
        let loads = bench.night(2).await;
        assert_eq!((loads[0].status, loads[1].status), (LoadStatus::Frozen, LoadStatus::Loaded));
        assert_eq!(loads[0].notices, ["column `v` is gone"]);
        assert_eq!((loads[0].rows_read, loads[1].rows_loaded), (0, 2));
        // Nothing of the table was committed; the night can still bring it.
        assert_eq!(bench.version("t").await, Some(0));
        assert_eq!(bench.night(2).await[0].status, LoadStatus::Frozen);
        database.execute_batch("ALTER TABLE t ADD COLUMN v INTEGER").expect("SQL");
        let load = bench.night(2).await.remove(0);
        assert_eq!((load.status, load.rows_loaded), (LoadStatus::Loaded, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_column_is_asked_about_and_may_be_allowed() {
    let (mut bench, database) = bench("", "");
    bench.night(1).await;
    database.execute_batch("ALTER TABLE t RENAME COLUMN v TO fee").expect("SQL");
    assert_eq!(bench.night(2).await[0].notices, ["`v` is gone, `fee` is new: renamed?"]);
    bench.config.tables.get_mut("t").expect("a table").schema = SchemaMode::Evolve.into();
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.status, load.mode.as_str()), (LoadStatus::Loaded, "full"));
    assert_eq!(bench.current("t", "id", "id, fee, v").await, ["1 10 NULL"]);
    // What was allowed is not told again.
    assert!(bench.night(3).await[0].notices.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_lands_without_a_contract_and_is_left_out_with_one() {
    for (contract, column) in [(CONTRACT, false), ("", true)] {
        let (bench, database) = bench(contract, "cursor: { column: at }");
        if contract.is_empty() {
            database.execute_batch("DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, at DATETIME); INSERT INTO t VALUES (1, 10, '2026-03-01 10:00:00')").expect("SQL");
        }
        bench.night(1).await;
        database.execute_batch("ALTER TABLE t ADD COLUMN sms INTEGER DEFAULT 1").expect("SQL");
        let load = bench.night(2).await.remove(0);
        assert_eq!((load.status, load.notices.len()), (LoadStatus::Loaded, 1));
        assert!(load.notices[0].starts_with("column `sms` is new"), "{:?}", load.notices);
        let landed = bench.ask("t", "SELECT * FROM raw").await[0].split(' ').count();
        let before = bench.ask("u", "SELECT * FROM raw").await[0].split(' ').count();
        // `t` has one column more than `u`, or two when the new one landed.
        assert_eq!(landed - before, 1 + usize::from(column));
        assert!(bench.night(3).await[0].notices.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retyped_column_freezes_unless_its_contract_takes_it() {
    let (mut bench, database) = bench(CONTRACT, "");
    bench.night(1).await;
    let retype =
        "ALTER TABLE t RENAME TO old; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, at TEXT);
                  INSERT INTO t VALUES (1, '10', NULL), (2, 'many', NULL)";
    database.execute_batch(retype).expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!(load.notices, ["column `v` was int64 and is text now"]);
    assert_eq!(load.status, LoadStatus::Frozen);
    let text = CONTRACT.replace("v: 'int64?'", "v: 'text?'");
    bench.contracts = Bench::new(&text, "{ kind: csv, path: DIR }").contracts;
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.status, load.rows_loaded), (LoadStatus::Loaded, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_column_freezes_whatever_is_allowed() {
    let (bench, database) = bench(CONTRACT, "cursor: { column: at }, schema: evolve");
    bench.night(1).await;
    database.execute_batch("ALTER TABLE t DROP COLUMN at").expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.status, load.mode.as_str()), (LoadStatus::Frozen, "cursor"));
    assert_eq!(load.watermark_after.as_deref(), Some("2026-03-01T02:00:00.000000Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_never_landed_cannot_be_frozen() {
    let (bench, database) = bench(CONTRACT, "schema: freeze");
    database.execute_batch("ALTER TABLE t ADD COLUMN sms INTEGER").expect("SQL");
    let text = bench.fails(1).await;
    assert!(text.contains("`sms`") && text.contains("table `t`") && text.contains("hint:"));
}
