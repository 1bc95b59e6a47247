//! Rows behind the cursor: NULL cursors, months that are read every night, windows of key scans,
//! backfills.

use rusqlite::Connection;

use super::*;

const CONTRACT: &str =
    "{ t: { key: [id], columns: { id: int64, v: 'text?', at: 'timestamp?', day: 'date?' } } }";

fn bench(table: &str) -> (Bench, Connection) {
    let config = format!(
        "{{ kind: sqlite, path: DIR/his.db, limits: {{ connections: 2 }},
           tables: {{ t: {{ {table} }} }} }}"
    );
    let bench = Bench::new(CONTRACT, &config);
    let database = Connection::open(bench.path("his.db")).expect("a database");
    database.execute_batch("CREATE TABLE t (id INTEGER, v TEXT, at TEXT, day TEXT)").expect("SQL");
    (bench, database)
}

fn put(database: &Connection, id: i64, value: &str, at: Option<&str>, day: &str) {
    database.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", (id, value, at, day)).expect("a row");
}

fn backfill(from: &str, to: &str, chunks: u32) -> LoadKind {
    let date = |text: &str| text.parse().expect("a date");
    let tables = Vec::new();
    LoadKind::Backfill(Backfill { from: date(from), to: date(to), tables, chunks })
}

async fn filled(bench: &Bench, from: &str, to: &str, chunks: u32) -> TableLoad {
    let loads = bench.load_as(day(20), backfill(from, to, chunks)).await;
    let load = loads.expect("a backfill").remove(0);
    assert_eq!(load.rows_read, load.rows_loaded + load.rows_rejected());
    assert_eq!(load.mode, "backfill");
    load
}

const NOON: Option<&str> = Some("2026-03-01 12:00:00");

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_cursor_are_included_every_night_or_never() {
    let rows = |database: &Connection| {
        put(database, 1, "a", NOON, "2026-03-01");
        put(database, 2, "b", None, "2026-03-01");
    };
    let (including, database) = bench("cursor: { column: at, nulls: include }");
    rows(&database);
    assert_eq!(including.night(1).await[0].rows_read, 2);
    database.execute("UPDATE t SET v = 'b2' WHERE id = 2", []).expect("SQL");
    put(&database, 3, "c", None, "2026-03-01");
    let load = including.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_read, load.rows_loaded), ("cursor", 3, 3));
    assert_eq!(including.current("t", "id", "id, v").await, ["1 a", "2 b2", "3 c"]);
    let (excluding, database) = bench("cursor: { column: at, nulls: exclude }, deletes: scan");
    rows(&database);
    let load = excluding.night(1).await.remove(0);
    assert_eq!((load.rows_read, load.rows_loaded), (1, 1));
    put(&database, 3, "c", None, "2026-03-01");
    let load = excluding.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_read, load.rows_deleted), ("cursor", 1, 0));
    assert_eq!(excluding.current("t", "id", "id").await, ["1"]);
    // Excluded rows are no part of the table: one that loses its cursor leaves it.
    database.execute("UPDATE t SET at = NULL WHERE id = 1", []).expect("SQL");
    assert_eq!(excluding.night(3).await[0].rows_deleted, 1);
    assert!(excluding.current("t", "id", "id").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_reads_its_days_and_leaves_the_watermark() {
    let (bench, database) = bench("cursor: { column: at }, range: { column: day }, deletes: scan");
    for (id, day) in [(1, "2026-01-31"), (2, "2026-02-01"), (3, "2026-02-14"), (4, "2026-02-28")] {
        put(&database, id, "a", NOON, day);
    }
    put(&database, 5, "a", NOON, "2026-03-01");
    let night = bench.night(1).await.remove(0);
    database
        .execute_batch(
            "UPDATE t SET v = 'new', at = '2026-01-01 00:00:00' WHERE id IN (1, 2, 4, 5);
             DELETE FROM t WHERE id = 3;
             INSERT INTO t VALUES (6, 'late', '2026-01-01 00:00:00', '2026-02-20')",
        )
        .expect("SQL");
    let load = filled(&bench, "2026-02-01", "2026-02-28", 3).await;
    assert_eq!((load.rows_read, load.rows_loaded, load.rows_deleted), (3, 3, 1));
    assert_eq!(load.watermark_after, night.watermark_after);
    let now = ["1 a", "2 new", "4 new", "5 a", "6 late"];
    assert_eq!(bench.current("t", "id", "id, v").await, now);
    // The same once more changes nothing, in one part or in many.
    let version = bench.version("t").await;
    for chunks in [1, 3, 28] {
        let load = filled(&bench, "2026-02-01", "2026-02-28", chunks).await;
        assert_eq!((load.rows_read, load.rows_deleted), (3, 0));
        assert_eq!(bench.version("t").await, version);
    }
    // The nightly goes on where it was: the scan finds the late row known.
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.watermark_before), ("cursor", night.watermark_after));
    assert_eq!(bench.current("t", "id", "id, v").await, now);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_marked_as_deleted_are_filled_back_once() {
    let (bench, database) = bench(
        "cursor: { column: at }, range: { column: day },
         deletes: { flag: { column: v, value: gone } }",
    );
    put(&database, 1, "a", NOON, "2026-02-10");
    put(&database, 2, "gone", NOON, "2026-02-10");
    bench.night(1).await;
    database.execute_batch("UPDATE t SET v = 'gone' WHERE id = 1").expect("SQL");
    for version in [Some(1), Some(1)] {
        let load = filled(&bench, "2026-02-01", "2026-02-28", 2).await;
        assert_eq!((load.rows_read, load.rows_deleted), (2, 2));
        assert_eq!(bench.version("t").await, version);
        assert!(bench.current("t", "id", "id").await.is_empty());
    }
    database.execute_batch("UPDATE t SET v = 'back' WHERE id = 2").expect("SQL");
    filled(&bench, "2026-02-01", "2026-02-28", 1).await;
    assert_eq!(bench.current("t", "id", "id, v").await, ["2 back"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_left_the_days_of_a_backfill_is_not_deleted() {
    let (bench, database) = bench("cursor: { column: at }, range: { column: day }, deletes: scan");
    put(&database, 1, "a", NOON, "2026-02-10");
    put(&database, 2, "b", NOON, "2026-02-11");
    bench.night(1).await;
    database.execute_batch("UPDATE t SET day = '2026-01-10' WHERE id = 1").expect("SQL");
    let load = filled(&bench, "2026-02-01", "2026-02-28", 2).await;
    assert_eq!((load.rows_read, load.rows_deleted), (1, 0));
    assert_eq!(bench.current("t", "id", "id").await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_backfill_do_not_double_a_key() {
    let (bench, database) = bench("cursor: { column: at }, range: { column: day }");
    put(&database, 1, "a", NOON, "2026-02-10");
    bench.night(1).await;
    put(&database, 2, "first", NOON, "2026-02-01");
    put(&database, 2, "second", NOON, "2026-02-28");
    let load = filled(&bench, "2026-02-01", "2026-02-28", 4).await;
    assert_eq!((load.rows_loaded, load.rejected), (2, counts(&[("duplicate_key", 1)])));
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 a", "2 first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_says_what_it_cannot_do() {
    let (whole, database) = bench("");
    put(&database, 1, "a", NOON, "2026-02-10");
    whole.night(1).await;
    let load = filled(&whole, "2026-02-01", "2026-02-28", 1).await;
    assert_eq!((load.rows_read, load.notices.len()), (0, 1));
    assert!(load.notices[0].contains("left out"), "{:?}", load.notices);
    let kind = LoadKind::Backfill(Backfill {
        from: day(1),
        to: day(1),
        tables: vec!["t".into()],
        chunks: 1,
    });
    let text = whole.load_as(day(2), kind).await.expect_err("no column").to_string();
    assert!(text.contains("`t`") && text.contains("range"), "{text}");
    let (early, _database) = bench("cursor: { column: at }");
    let never = early.load_as(day(2), backfill("2026-02-01", "2026-02-02", 1)).await;
    assert!(never.expect_err("never landed").to_string().contains("run a nightly first"));
}

#[tokio::test(flavor = "multi_thread")]
async fn months_read_every_night_show_what_the_cursor_does_not() {
    let (bench, database) = bench("cursor: { column: at }, reread: { column: day, months: 2 }");
    for (id, day) in [(1, "2026-01-31"), (2, "2026-02-01"), (3, "2026-02-14"), (4, "2026-03-01")] {
        put(&database, id, "a", NOON, day);
    }
    put(&database, 5, "now", Some("2026-03-01 20:00:00"), "2026-03-01");
    bench.night(1).await;
    database
        .execute_batch("UPDATE t SET v = 'silent' WHERE id IN (1, 2); DELETE FROM t WHERE id = 3")
        .expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_read, load.rows_deleted), ("cursor", 3, 1));
    assert_eq!(bench.current("t", "id", "id, v").await, ["1 a", "2 silent", "4 a", "5 now"]);
    // Only the changed row and the tombstone were landed.
    assert_eq!(bench.ask("t", "SELECT count(*) FROM raw WHERE _load_seq = 1").await, ["2"]);
    // A month later the window has moved on, and the row that left it by a change is kept.
    database.execute_batch("UPDATE t SET day = '2026-01-02' WHERE id = 4").expect("SQL");
    let load = bench.night(3).await.remove(0);
    assert_eq!(load.rows_deleted, 0);
    assert_eq!(bench.current("t", "id", "id").await, ["1", "2", "4", "5"]);
    let text = "{ kind: sqlite, path: x, tables: { t: { reread: { column: day, months: 2 } } } }";
    let config: SourceConfig = serde_saphyr::from_str(text).expect("a section");
    assert!(config.faults()[0].what.contains("without `cursor`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_scan_with_a_window_looks_there_only() {
    let (bench, database) =
        bench("cursor: { column: at }, deletes: { scan: { window: 30d, column: day } }");
    for (id, day) in [(1, "2026-01-10"), (2, "2026-02-20"), (3, "2026-02-21"), (4, "2026-03-05")] {
        put(&database, id, "a", NOON, day);
    }
    put(&database, 5, "now", Some("2026-03-01 20:00:00"), "2026-03-01");
    bench.night(1).await;
    database.execute_batch("DELETE FROM t WHERE id IN (1, 3, 4)").expect("SQL");
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_read, load.rows_deleted), ("cursor", 1, 2));
    assert_eq!(bench.current("t", "id", "id").await, ["1", "2", "5"]);
    // A row that came too late for the cursor is found by its key, and only the window is read.
    put(&database, 6, "late", Some("2026-01-01 00:00:00"), "2026-03-02");
    put(&database, 7, "too late", Some("2026-01-01 00:00:00"), "2026-01-05");
    let load = bench.night(3).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_read), ("cursor", 3));
    assert_eq!(bench.current("t", "id", "id").await, ["1", "2", "5", "6"]);
    assert_eq!(bench.night(4).await[0].rows_read, 1);
}
