//! Ranges of days, NULL cursors and key scans as PostgreSQL and MariaDB compare them.

use mysql_async::prelude::Queryable;

use super::*;

const CONTRACT: &str = "{ t: { key: [id], columns: { id: int64, v: 'text?', at: 'timestamp?', \
                        seen: 'timestamp?', day: 'date?' } } }";
const ROWS: &str = "INSERT INTO t VALUES
    (1, 'a', '2026-02-28 23:59:59.9', '2026-02-28 23:59:59.9', '2026-01-31'),
    (2, 'a', '2026-02-28 12:00:00', '2026-03-01 00:00:00', '2026-02-01'),
    (3, 'a', '2026-02-28 12:00:00', '2026-03-01 00:00:00', '2026-02-14'),
    (4, 'a', '2026-02-28 12:00:00', '2026-03-31 23:59:59.9', '2026-02-28'),
    (5, 'a', '2026-02-28 12:00:00', '2026-04-01 00:00:00', '2026-03-01'),
    (6, 'a', NULL, NULL, NULL)";

/// Runs the same nights against any server; `sql` runs a statement there.
async fn nights(kind: &str, url: &str, from: &str, mut sql: impl AsyncFnMut(&str)) {
    let config = |table: &str| {
        let text = format!(
            "{{ kind: {kind}, url: '{url}', limits: {{ connections: 3 }}, tables: {{ t: {{ \
             from: {from}, cursor: {{ column: at, nulls: include }}, {table} }} }} }}"
        );
        Bench::new(CONTRACT, &text)
    };
    let backfill = |from: &str, to: &str| {
        let date = |text: &str| text.parse().expect("a date");
        let tables = Vec::new();
        LoadKind::Backfill(Backfill { from: date(from), to: date(to), tables, chunks: 5 })
    };
    // Days of a date column, with the deletes of those days.
    sql(ROWS).await;
    let bench = config("range: { column: day }, deletes: scan");
    let night = bench.night(1).await.remove(0);
    assert_eq!(night.rows_loaded, 6);
    sql("UPDATE t SET v = 'new' WHERE id IN (1, 2, 4)").await;
    sql("DELETE FROM t WHERE id = 3").await;
    for (rows, deleted) in [(2, 1), (2, 0)] {
        let load = bench.load_as(day(5), backfill("2026-02-01", "2026-02-28")).await;
        let load = load.expect("a backfill").remove(0);
        assert_eq!((load.rows_read, load.rows_deleted), (rows, deleted));
        assert_eq!(load.watermark_after, night.watermark_after);
        let now = bench.current("t", "id", "id, v").await;
        assert_eq!(now, ["1 a", "2 new", "4 new", "5 a", "6 a"]);
        assert_eq!(bench.version("t").await, Some(1));
    }
    // Days of instants begin at the clinic's midnight.
    let bench = config("range: { column: seen }");
    bench.night(1).await;
    sql("UPDATE t SET v = 'again'").await;
    let load = bench.load_as(day(5), backfill("2026-03-01", "2026-03-31")).await;
    assert_eq!(load.expect("a backfill")[0].rows_read, 2);
    assert_eq!(
        bench.current("t", "id", "id, v").await,
        ["1 new", "2 again", "4 again", "5 a", "6 a"]
    );
    // Months read every night, a key scan's window, and rows without a cursor.
    sql("DELETE FROM t").await;
    sql(ROWS).await;
    let bench = config(
        "reread: { column: day, months: 2 }, deletes: { scan: { window: 60d, column: day } }",
    );
    bench.night(1).await;
    sql("UPDATE t SET v = 'silent' WHERE id IN (1, 2, 6)").await;
    sql("DELETE FROM t WHERE id IN (1, 3)").await;
    sql("INSERT INTO t VALUES (7, 'late', '2026-01-01 00:00:00', NULL, '2026-01-20')").await;
    let load = bench.night(2).await.remove(0);
    assert_eq!((load.mode.as_str(), load.rows_deleted), ("cursor", 2));
    let now = bench.current("t", "id", "id, v").await;
    assert_eq!(now, ["2 silent", "4 a", "5 a", "6 silent", "7 late"]);
    let landed = bench.ask("t", "SELECT count(*) FROM raw WHERE _load_seq = 1").await;
    assert_eq!(landed, ["5"], "three changed rows and two tombstones");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_ranges_of_days() {
    let Some((url, client)) = super::postgres::schema("ranges").await else { return };
    client
        .batch_execute(
            "SET timezone = 'Asia/Shanghai';
             CREATE TABLE t (id int PRIMARY KEY, v text, at timestamp, seen timestamptz, day date)",
        )
        .await
        .expect("a table");
    let client = &client;
    let sql = async |text: &str| client.batch_execute(text).await.expect("good SQL");
    nights("postgres", &url, "hub_ranges.t", sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_reads_ranges_of_days() {
    let Some((url, mut connection)) = super::mysql::database("ranges").await else { return };
    connection
        .query_drop(
            "CREATE TABLE t (id INT PRIMARY KEY, v TEXT, at DATETIME(1) NULL, \
             seen TIMESTAMP(1) NULL, day DATE NULL)",
        )
        .await
        .expect("a table");
    let sql = async |text: &str| connection.query_drop(text).await.expect("good SQL");
    nights("mysql", &url, "hub_ranges.t", sql).await;
}
