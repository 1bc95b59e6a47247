//! SQLite: every planted fault, storage classes, drift.

use rusqlite::Connection;

use super::*;

const CONTRACT: &str = "{ t: { key: [id], columns: { id: int64, name: 'text?', born: 'date?', \
                        at: timestamp, fee: 'decimal(6,2)?', n: int64 } } }";
const CONFIG: &str = "{ kind: sqlite, path: DIR/his.db }";

fn database(bench: &Bench, sql: &str) -> Connection {
    let connection = Connection::open(bench.path("his.db")).expect("a database");
    connection.execute_batch(sql).expect("good SQL");
    connection
}

const TABLE: &str =
    "CREATE TABLE t (id INTEGER, name TEXT, born TEXT, at TEXT, fee TEXT, n INTEGER);";

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_refused_by_its_name() {
    let bench = Bench::new(CONTRACT, CONFIG);
    let good = "'2026-03-01 08:00:00', '1.00', 1";
    database(
        &bench,
        &format!(
            "{TABLE}
            INSERT INTO t VALUES
            (1, '王  ', '1990-02-28', '2026-03-01 08:00:00', '12.50', 7),
            (2, NULL, NULL, '2026-03-01T08:00:00.5', NULL, 8),
            (1, 'second', NULL, {good}),
            (NULL, 'no key', NULL, {good}),
            (3, CAST(x'b4f3' AS TEXT), NULL, {good}),
            (4, x'b4f3', NULL, {good}),
            (5, 'zero', '0000-00-00', {good}),
            (6, 'zero', '2024-00-12', {good}),
            (7, 'never', '2024-02-30', {good}),
            (8, 'never', '10999-12-31', {good}),
            (9, 'big', NULL, '2026-03-01 08:00:00', '10000.00', 1),
            (10, 'thousands', NULL, '2026-03-01 08:00:00', '1,234.56', 1),
            (11, 'null', NULL, '2026-03-01 08:00:00', '1.00', NULL),
            (12, 'word', NULL, '2026-03-01 08:00:00', '1.00', 'many'),
            (13, 'float', NULL, '2026-03-01 08:00:00', '1.00', 1.5),
            (NULL, CAST(x'ff' AS TEXT), '0000-00-00', {good}),
            (NULL, 'both', '0000-00-00', {good}),
            (14, 'left first', '0000-00-00', 'soon', '1.00', 1),
            (5, 'a refused key is still free', NULL, {good});"
        ),
    );
    let load = bench.night(1).await.remove(0);
    let expected = counts(&[
        ("bad_encoding", 3),
        ("bad_value", 4),
        ("decimal_overflow", 1),
        ("duplicate_key", 1),
        ("impossible_date", 2),
        ("null_key", 2),
        ("zero_date", 3),
    ]);
    assert_eq!(load.rejected, expected);
    assert_eq!((load.rows_read, load.rows_loaded, load.mode.as_str()), (19, 3, "full"));
    assert_eq!(
        bench.current("t", "id", "id, name || '.', born, at, fee, n").await,
        [
            "1 王  . 1990-02-28 2026-03-01T00:00:00Z 12.50 7",
            "2 NULL NULL 2026-03-01T00:00:00.500Z NULL 8",
            "5 a refused key is still free. NULL 2026-03-01T00:00:00Z 1.00 1",
        ]
    );
    assert_eq!(
        bench.refused("t").await,
        [
            "bad_encoding name 3",
            "bad_encoding name 4",
            "bad_encoding name @rowid 16",
            "bad_value fee 10",
            "bad_value n 11",
            "bad_value n 12",
            "bad_value n 13",
            "decimal_overflow fee 9",
            "duplicate_key NULL 1",
            "impossible_date born 7",
            "impossible_date born 8",
            "null_key id @rowid 17",
            "null_key id @rowid 4",
            "zero_date born 14",
            "zero_date born 5",
            "zero_date born 6",
        ]
    );
    let kept = "SELECT count(*) FROM raw WHERE _reject_reason IS NOT NULL \
                AND (id IS NOT NULL OR name IS NOT NULL OR n IS NOT NULL)";
    assert_eq!(bench.ask("t", kept).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_stream_in_batches() {
    let bench = Bench::new(CONTRACT, CONFIG);
    database(
        &bench,
        &format!(
            "{TABLE} WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s LIMIT 50000)
             INSERT INTO t SELECT i, 'n' || i, NULL, '2026-03-01 08:00:00', i || '.05', i FROM s;"
        ),
    );
    let load = bench.night(1).await.remove(0);
    assert_eq!(load.rows_read, 50_000);
    assert_eq!(load.rejected, counts(&[("decimal_overflow", 40_001)]));
    let sums = bench.ask("t", "SELECT count(*), sum(n), sum(fee) FROM raw WHERE id > 0").await;
    assert_eq!(sums, ["9999 49995000 49995499.95"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_contract_the_database_declares_itself() {
    let bench = Bench::new("", "{ kind: sqlite, path: DIR/his.db, tables: { v: { from: t } } }");
    database(
        &bench,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(8,2), ok BOOLEAN, day DATE, \
         seen DATETIME, note, weight REAL);
         INSERT INTO t VALUES (1, '2.50', 1, '2026-03-01', '2026-03-01 08:00:00', 'x', 1.25);",
    );
    bench.night(1).await;
    assert_eq!(
        bench.current("v", "id", "id, price, ok, day, seen, note, weight").await,
        ["1 2.50 true 2026-03-01 2026-03-01T00:00:00Z x 1.25"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_name_the_place_and_land_nothing() {
    let bench = Bench::new(CONTRACT, CONFIG);
    let text = bench.fails(1).await;
    assert!(text.contains("source `src`") && text.contains("his.db"), "{text}");
    let connection = database(&bench, "CREATE TABLE other (id INTEGER);");
    let text = bench.fails(1).await;
    assert!(text.contains("table `t`") && text.contains("hint:"), "{text}");
    connection.execute_batch("CREATE TABLE t (id INTEGER, name TEXT, n INTEGER);").expect("SQL");
    let text = bench.fails(1).await;
    assert!(text.contains("column `at`") && text.contains("table `t`"), "{text}");
    assert_eq!(bench.version("t").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_views_and_odd_names_are_read() {
    let bench = Bench::new(
        "{ odd: { key: [编号], columns: { 编号: int64, select: 'text?' } }, \
           v: { key: [id], columns: { id: int64 } } }",
        "{ kind: sqlite, url: 'sqlite://DIR/his.db', tables: { odd: { from: 'main.a-b' }, \
           v: { query: 'SELECT 编号 AS id FROM \"a-b\" -- all\n;' } } }",
    );
    let mut bench = bench;
    bench.config = bench.config.clone().resolved(std::path::Path::new("/"));
    database(
        &bench,
        "CREATE TABLE \"a-b\" (编号 INTEGER, \"select\" TEXT); INSERT INTO \"a-b\" VALUES (1, 'x');",
    );
    let loads = bench.night(1).await;
    assert_eq!(loads.iter().map(|load| load.rows_loaded).sum::<u64>(), 2);
    assert_eq!(bench.current("odd", "编号", "编号, \"select\"").await, ["1 x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_modes_discard_rows_or_values() {
    let sql =
        "CREATE TABLE t (id INTEGER, name TEXT, born TEXT, at TEXT, fee TEXT, n INTEGER, new);
         INSERT INTO t VALUES (1, 'a', '2024-02-30', '2026-03-01 08:00:00', '1', 1, NULL),
         (2, 'b', NULL, '2026-03-01 08:00:00', '1', 1, 'news');";
    let with = |mode: &str| {
        let config =
            format!("{{ kind: sqlite, path: DIR/his.db, tables: {{ t: {{ schema: {mode} }} }} }}");
        let bench = Bench::new(CONTRACT, &config);
        database(&bench, sql);
        bench
    };
    let load = with("evolve").night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[("impossible_date", 1)]));
    let load = with("discard_row").night(1).await.remove(0);
    assert_eq!(load.rejected, counts(&[("impossible_date", 1), ("bad_value", 1)]));
    let bench = with("discard_value");
    assert_eq!(bench.night(1).await.remove(0).rejected, counts(&[]));
    assert_eq!(bench.current("t", "id", "id, born").await, ["1 NULL", "2 NULL"]);
    assert!(with("freeze").fails(1).await.contains("column `new` is new"));
}
