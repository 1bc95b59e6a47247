//! Nights one after another: cursors, lag, late rows, deletes, reruns.

use rusqlite::Connection;

use super::*;

const CONTRACT: &str = "{ t: { key: [id], columns: { id: int64, v: 'text?', at: 'timestamp?' } } }";

fn bench(table: &str) -> (Bench, Connection) {
    let config = format!("{{ kind: sqlite, path: DIR/his.db, tables: {{ t: {{ {table} }} }} }}");
    let bench = Bench::new(CONTRACT, &config);
    let database = Connection::open(bench.path("his.db")).expect("a database");
    database.execute_batch("CREATE TABLE t (id INTEGER, v TEXT, at TEXT)").expect("SQL");
    (bench, database)
}

fn put(database: &Connection, id: i64, value: &str, at: &str) {
    database.execute("INSERT INTO t VALUES (?1, ?2, ?3)", (id, value, at)).expect("a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_at_the_boundary_are_neither_lost_nor_doubled() {
    let (bench, database) = bench("cursor: { column: at }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    put(&database, 2, "b", "2026-03-01 20:00:00.5");
    let load = bench.night(1).await.remove(0);
    assert_eq!((load.mode.as_str(), load.watermark_before.as_deref()), ("full", None));
    assert_eq!(load.watermark_after.as_deref(), Some("2026-03-01T12:00:00.500000Z"));
    // Written after the read, at the very instant of the watermark.
    put(&database, 3, "c", "2026-03-01 20:00:00.5");
    put(&database, 4, "d", "2026-03-02 09:00:00");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_read), ("cursor", 3));
    assert_eq!(load.watermark_before.as_deref(), Some("2026-03-01T12:00:00.500000Z"));
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 a", "2 b", "3 c", "4 d"]);
    // Nothing new: the watermark stays, the boundary row is read and stays one row.
    let load = bench.night(3).await.remove(0);
    assert_eq!(
        (load.rows_read, load.watermark_after.as_deref()),
        (1, Some("2026-03-02T01:00:00.000000Z"))
    );
    assert_eq!(bench.current("t", "id", "id").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_rows_and_updates_arrive_within_the_lag() {
    let (bench, database) = bench("cursor: { column: at, lag: 2d }");
    put(&database, 1, "old", "2026-03-01 10:00:00");
    put(&database, 2, "kept", "2026-03-03 10:00:00");
    bench.night(3).await;
    put(&database, 3, "late", "2026-03-01 10:00:00");
    put(&database, 4, "too late", "2026-03-01 09:59:59");
    database
        .execute("UPDATE t SET v = 'new', at = '2026-03-04 08:00:00' WHERE id = 1", [])
        .expect("an update");
    let load = bench.night(4).await.remove(0);
    assert_eq!(load.rows_read, 3);
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 new", "2 kept", "3 late"]);
    // A full load repairs what came too late.
    let full = bench.load_as(day(4), LoadKind::Full).await.expect("a full load");
    assert_eq!((full[0].mode.as_str(), full[0].rows_read), ("full", 4));
    assert_eq!(bench.current("t", "id", "id").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_of_a_night_reads_nothing() {
    let (bench, database) = bench("cursor: { column: at, lag: 2d }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    let first = bench.night(1).await;
    put(&database, 2, "b", "2026-03-01 11:00:00");
    let version = bench.version("t").await;
    assert_eq!(bench.night(1).await, first);
    assert_eq!(bench.version("t").await, version);
    // Without its source, the landed night still answers: nothing is opened.
    drop(database);
    std::fs::remove_file(bench.path("his.db")).expect("the file");
    assert_eq!(bench.night(1).await, first);
    assert!(bench.fails(2).await.contains("source `src`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_does_not_grow_by_reading_again() {
    let (bench, database) = bench("cursor: { column: at, lag: 2d }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    put(&database, 1, "twice", "2026-03-01 10:00:00");
    put(&database, 1, "thrice", "2026-03-01 10:00:00");
    put(&database, 2, "never", "2026-02-30 10:00:00");
    put(&database, 3, "zero", "0000-00-00 00:00:00");
    let expected = counts(&[("duplicate_key", 2), ("impossible_date", 1), ("zero_date", 1)]);
    assert_eq!(bench.night(1).await.remove(0).rejected, expected);
    let refused = bench.refused("t").await;
    assert_eq!(refused.len(), 4);
    // A new row without a usable cursor is seen although no cursor read would ask for it.
    put(&database, 4, "zero", "0000-00-00 00:00:00");
    let load = bench.night(2).await.remove(0);
    assert_eq!(
        load.rejected,
        counts(&[("duplicate_key", 2), ("impossible_date", 1), ("zero_date", 2)])
    );
    assert_eq!(bench.refused("t").await.len(), 5);
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_cursors_raise_or_are_refused() {
    let insert = "INSERT INTO t VALUES (2, 'secret', NULL)";
    let (raising, database) = bench("cursor: { column: at }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    raising.night(1).await;
    database.execute_batch(insert).expect("SQL");
    let text = raising.fails(2).await;
    assert!(text.contains("`at`") && text.contains("table `t`") && text.contains("`src`"));
    assert!(!text.contains("secret"));
    assert_eq!(raising.version("t").await, Some(0));
    let (rejecting, database) = bench("cursor: { column: at, nulls: reject }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    database.execute_batch(insert).expect("SQL");
    let load = rejecting.night(1).await.remove(0);
    assert_eq!((load.rows_read, load.rejected), (2, counts(&[("bad_value", 1)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn scanned_deletes_land_as_tombstones() {
    let (bench, database) = bench("cursor: { column: at }, deletes: scan");
    for id in 1..=4 {
        put(&database, id, "a", "2026-03-01 10:00:00");
    }
    put(&database, 9, "now", "2026-03-01 12:00:00");
    bench.night(1).await;
    database.execute_batch("DELETE FROM t WHERE id IN (2, 3)").expect("SQL");
    // A row that cannot be loaded any more still exists.
    database.execute_batch("UPDATE t SET at = '2026-03-02 99:00:00' WHERE id = 4").expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_deleted, load.rows_read), ("cursor", 2, 2));
    assert_eq!(bench.current("t", "id", "id").await, ["1", "4", "9"]);
    let stones = bench.ask("t", "SELECT id, v, _load_id FROM raw WHERE _deleted ORDER BY id").await;
    assert_eq!(stones, ["2 NULL run-2026-03-02", "3 NULL run-2026-03-02"]);
    // Once buried, not buried again; and what returns, returns.
    put(&database, 2, "back", "2026-03-03 10:00:00");
    let load = bench.night(3).await.remove(0);
    assert_eq!(load.rows_deleted, 0);
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 a", "2 back", "4 a", "9 now"]);
    database.execute_batch("DELETE FROM t WHERE id = 2").expect("SQL");
    assert_eq!(bench.night(4).await.remove(0).rows_deleted, 1);
    assert_eq!(bench.current("t", "id", "id").await, ["1", "4", "9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_back_behind_the_cursor_are_current_again() {
    let (bench, database) = bench("cursor: { column: at }, deletes: scan");
    for id in 1..=6 {
        put(&database, id, "a", "2026-03-01 10:00:00");
    }
    put(&database, 7, "now", "2026-03-01 12:00:00");
    // Refused behind the cursor: no reason to read the table whole every night.
    put(&database, 8, "never", "2026-02-30 10:00:00");
    bench.night(1).await;
    let all = bench.current("t", "id", "id, v").await;
    let half =
        "CREATE TABLE kept AS SELECT * FROM t WHERE id % 2 = 0; DELETE FROM t WHERE id % 2 = 0";
    database.execute_batch(half).expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_deleted), ("cursor", 3));
    assert_eq!(bench.current("t", "id", "id").await, ["1", "3", "5", "7"]);
    database.execute_batch("INSERT INTO t SELECT * FROM kept").expect("SQL");
    let version = bench.version("t").await;
    let load = bench.night(3).await.remove(0);
    assert_eq!(bench.current("t", "id", "id, v").await, all);
    assert_eq!((load.mode.as_str(), load.rows_read, load.rows_loaded), ("full", 8, 7));
    assert_eq!((load.rows_deleted, bench.version("t").await), (0, version.map(|v| v + 1)));
    assert_eq!(bench.ask("t", "SELECT count(*) FROM raw").await, ["8"]);
    // The cursor is followed again.
    let load = bench.night(4).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_deleted), ("cursor", 0));
    // A row nobody has seen, too late for the cursor, is found by its key.
    put(&database, 9, "late", "2026-02-01 10:00:00");
    database.execute_batch("DELETE FROM t WHERE id = 1").expect("SQL");
    let load = bench.night(5).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_deleted), ("full", 1));
    let ids = bench.current("t", "id", "id").await;
    assert_eq!(ids, ["2", "3", "4", "5", "6", "7", "9"]);
    assert_eq!(bench.night(5).await.remove(0), load);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_reads_replace_and_count_what_went() {
    let (bench, database) = bench("deletes: scan");
    for id in 1..=3 {
        put(&database, id, "a", "2026-03-01 10:00:00");
    }
    bench.night(1).await;
    database
        .execute_batch("DELETE FROM t WHERE id = 2; UPDATE t SET at = 'soon' WHERE id = 3")
        .expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_deleted, load.rows_loaded), ("full", 1, 1));
    assert_eq!(bench.ask("t", "SELECT count(*) FROM raw").await, ["2"]);
    assert_eq!(load.watermark_after, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn flagged_rows_leave_the_current_ones() {
    let (bench, database) = bench("deletes: { flag: { column: v, value: gone } }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    put(&database, 2, "gone", "2026-03-01 10:00:00");
    let load = bench.night(1).await.remove(0);
    assert_eq!((load.rows_read, load.rows_loaded, load.rows_deleted), (2, 2, 1));
    assert_eq!(bench.current("t", "id", "id").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_date_in_the_future_does_not_end_all_reading() {
    let (bench, database) = bench("cursor: { column: at }");
    put(&database, 1, "a", "2026-03-01 10:00:00");
    put(&database, 2, "future", "9999-12-31 00:00:00");
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.watermark_after.as_deref(), Some("2026-03-01T02:00:00.000000Z"));
    put(&database, 3, "b", "2026-03-02 10:00:00");
    bench.night(2).await;
    assert_eq!(bench.current("t", "id", "id").await, ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retyped_contract_is_loaded_whole_again() {
    let (mut bench, database) = bench("cursor: { column: at }");
    put(&database, 1, "12", "2026-03-01 10:00:00");
    bench.night(1).await;
    let retyped = CONTRACT.replace("'text?'", "'int64?'");
    bench.contracts = Bench::new(&retyped, "{ kind: csv, path: DIR }").contracts;
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_loaded), ("full", 1));
    assert_eq!(bench.current("t", "id", "v + 1").await, ["13"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_files_can_be_followed_by_cursor() {
    let bench = Bench::new(
        CONTRACT,
        "{ kind: csv, path: DIR, tables: { t: { cursor: { column: at }, deletes: scan } } }",
    );
    let write = |rows: &str| {
        std::fs::write(bench.path("t.csv"), format!("id,v,at\n{rows}")).expect("a file");
    };
    write("1,a,2026-03-01 10:00:00\n2,b,2026-03-01 11:00:00\n");
    bench.night(1).await;
    write("2,b2,2026-03-02 11:00:00\n3,c,2026-03-02 12:00:00\n");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.rows_read, load.rows_deleted), (2, 1));
    assert_eq!(bench.current("t", "id", "id, v").await, ["2 b2", "3 c"]);
}
