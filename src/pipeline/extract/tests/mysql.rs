//! MySQL or MariaDB, against the server `CLINICHUB_TEST_MYSQL_URL` names.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

use super::postgres::{rows_of, server};
use super::*;

/// A private database, dropped and made anew, and the address of it.
pub(super) async fn database(name: &str) -> Option<(String, Conn)> {
    let url = server("CLINICHUB_TEST_MYSQL_URL")?;
    let options = Opts::from_url(&url.replace("mariadb://", "mysql://")).expect("an address");
    let mut connection = Conn::new(options).await.expect("a server");
    for statement in [
        format!("DROP DATABASE IF EXISTS hub_{name}"),
        format!("CREATE DATABASE hub_{name} CHARACTER SET utf8mb4"),
        format!("USE hub_{name}"),
        "SET SESSION sql_mode = '', time_zone = '+08:00'".to_owned(),
    ] {
        connection.query_drop(statement).await.expect("a database");
    }
    Some((url, connection))
}

fn config(url: &str, table: &str) -> String {
    format!("{{ kind: mysql, url: '{url}', tables: {{ {table} }} }}")
}

async fn run(connection: &mut Conn, statements: &[&str]) {
    for statement in statements {
        connection.query_drop(*statement).await.expect("good SQL");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_types_faults_and_zero_dates() {
    let Some((url, mut connection)) = database("types").await else { return };
    run(
        &mut connection,
        &[
            "CREATE TABLE t (id INT, 姓名 VARCHAR(20), ok BIT(1), born DATE, at DATETIME(6), \
             seen TIMESTAMP NULL, fee DECIMAL(30,10), big BIGINT UNSIGNED, loose TEXT, took TIME)",
            "INSERT INTO t VALUES
             (1, '𠮷 ', 1, '1990-02-28', '2026-03-01 08:00:00.25', '2026-03-01 08:00:00',
             12.5, 7, '7', '30:00:01'),
             (2, NULL, NULL, NULL, '1900-01-01 08:00:00', NULL, NULL, 8, '-7', NULL),
             (3, 'x', 1, '0000-00-00', '2026-03-01 08:00:00', NULL, 1, 1, '1', NULL),
             (4, 'x', 1, '2024-00-12', '2026-03-01 08:00:00', NULL, 1, 1, '1', NULL),
             (5, 'x', 1, NULL, '0000-00-00 00:00:00', NULL, 1, 1, '1', NULL),
             (6, 'x', 1, NULL, '2026-03-01 08:00:00', '0000-00-00 00:00:00', 1, 1, '1', NULL),
             (7, 'x', 1, NULL, '2026-03-01 08:00:00', NULL, 12345678901, 1, '1', NULL),
             (8, 'x', 1, NULL, '2026-03-01 08:00:00', NULL, 1, 18446744073709551615, '1', NULL),
             (9, 'x', 1, NULL, '2026-03-01 08:00:00', NULL, 1, 1, 'many', NULL),
             (NULL, 'x', 1, NULL, '2026-03-01 08:00:00', NULL, 1, 1, '1', NULL),
             (1, 'again', 1, NULL, '2026-03-01 08:00:00', NULL, 1, 1, '1', NULL)",
        ],
    )
    .await;
    let bench = Bench::new(
        "{ t: { key: [id], columns: { id: int64, 姓名: 'text?', ok: 'bool?', born: 'date?', \
           at: timestamp, seen: 'timestamp?', fee: 'decimal(12,2)?', big: int64, loose: int64, \
           took: 'text?' } } }",
        &config(&url, "t: { from: hub_types.t }"),
    );
    let load = bench.night(1).await.remove(0);
    let expected = counts(&[
        ("bad_value", 2),
        ("decimal_overflow", 1),
        ("duplicate_key", 1),
        ("null_key", 1),
        ("zero_date", 4),
    ]);
    assert_eq!(load.rejected, expected);
    assert_eq!(
        bench
            .current("t", "id", "id, 姓名 || '.', ok, born, at, seen, fee, big, loose, took")
            .await,
        [
            "1 𠮷 . true 1990-02-28 2026-03-01T00:00:00.250Z 2026-03-01T00:00:00Z 12.50 7 7 \
             30:00:01.000000",
            "2 NULL NULL NULL 1899-12-31T23:54:17Z NULL NULL 8 -7 NULL",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_nights_by_cursor_with_deletes() {
    for kind in ["DATETIME", "TIMESTAMP"] {
        let name = format!("nights_{kind}");
        let Some((url, mut connection)) = database(&name).await else { return };
        let table = format!("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9), at {kind} NULL)");
        run(
            &mut connection,
            &[&table, "INSERT INTO t SELECT seq, 'a', '2026-03-01 10:00:00' FROM seq_1_to_20000"],
        )
        .await;
        let bench = Bench::new(
            "{ t: { key: [id], columns: { id: int64, v: 'text?', at: 'timestamp?' } } }",
            &config(
                &url,
                &format!(
                    "t: {{ from: hub_{name}.t, cursor: {{ column: at, lag: 1h }}, deletes: scan }}"
                ),
            ),
        );
        assert_eq!(bench.night(1).await.remove(0).rows_read, 20_000);
        run(
            &mut connection,
            &[
                "DELETE FROM t WHERE id IN (5, 20000)",
                "UPDATE t SET v = 'b', at = '2026-03-02 10:00:00' WHERE id = 6",
                "UPDATE t SET at = '2026-03-01 08:59:59' WHERE id > 10",
                "INSERT INTO t VALUES (30000, 'late', '2026-03-01 09:00:00'), (30001, 'zero', 0)",
            ],
        )
        .await;
        let load = bench.night(2).await.remove(0);
        assert_eq!((load.mode.as_str(), load.rows_read, load.rows_deleted), ("cursor", 11, 2));
        assert_eq!(load.rejected, counts(&[("zero_date", 1)]));
        let rows = bench.current("t", "id", "v").await;
        assert_eq!(rows.len(), 19_999);
        assert_eq!(rows.iter().filter(|v| *v == "b" || *v == "late").count(), 2);
        run(&mut connection, &["UPDATE t SET at = NULL WHERE id = 1"]).await;
        assert!(bench.fails(3).await.contains("cursor column `at` is NULL"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_tables_are_read_as_of_one_moment() {
    let Some((url, mut connection)) = database("moment").await else { return };
    let start = [
        "CREATE TABLE a (id INT)",
        "CREATE TABLE b (id INT)",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO b VALUES (1)",
    ];
    run(&mut connection, &start).await;
    let section: SourceConfig =
        serde_saphyr::from_str(&format!("{{ kind: mariadb, url: '{url}' }}")).expect("a section");
    let mut source = connect("src", &section, chrono_tz::UTC).await.expect("a connection");
    run(&mut connection, &["INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (2)"]).await;
    for table in ["hub_moment.a", "hub_moment.b"] {
        assert_eq!(rows_of(source.as_mut(), table).await, 1);
    }
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_reads_that_break_off_land_nothing() {
    let Some((url, _connection)) = database("broken").await else { return };
    let rows = "SELECT seq AS id, SLEEP(0.001) AS s FROM hub_broken.seq_1_to_20000";
    let section = format!(
        "{{ kind: mariadb, url: '{url}', limits: {{ statement_timeout: 1s }}, \
           tables: {{ t: {{ query: '{rows}', key: [id] }} }} }}"
    );
    let bench = Bench::new("", &section);
    let text = bench.fails(1).await;
    assert!(text.contains("table `t`") && text.contains("broke off"), "{text}");
    assert_eq!(bench.version("t").await, None);
}

/// The server itself raises each error, in the middle of the rows.
#[tokio::test(flavor = "multi_thread")]
async fn mysql_reads_the_server_gives_up_are_told_and_land_nothing() {
    let Some((url, mut connection)) = database("given_up").await else { return };
    let function = "CREATE FUNCTION give_up(i INT, code INT) RETURNS VARCHAR(20) NO SQL BEGIN \
                    IF i > 3000 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = code; END IF; \
                    RETURN CONCAT('row ', i); END";
    run(&mut connection, &[function]).await;
    for (code, told) in [(1213, "to solve a deadlock"), (1412, "gave up the moment")] {
        let call = format!("hub_given_up.give_up(seq, {code})");
        let rows = format!("SELECT seq AS id, {call} AS s FROM hub_given_up.seq_1_to_9000");
        let tables = format!("{{ t: {{ query: '{rows}', key: [id] }} }}");
        let section = format!("{{ kind: mariadb, url: '{url}', tables: {tables} }}");
        let bench = Bench::new("", &section);
        let text = bench.fails(1).await;
        assert!(text.contains("table `t`") && text.contains(told), "{code}: {text}");
        assert_eq!(bench.version("t").await, None, "{code}");
    }
}

/// Types whose wire form misleads: every one is declared and checked.
#[tokio::test(flavor = "multi_thread")]
async fn mysql_types_that_mislead() {
    let Some((url, mut connection)) = database("odd").await else { return };
    run(
        &mut connection,
        &[
            "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, bits BIT(10), flag BIT(1), \
             kind ENUM('初诊', 'b'), tags SET('x', '二'), took TIME(3), made YEAR, body JSON, \
             old VARCHAR(20) CHARACTER SET latin1, utf3 VARCHAR(20) CHARACTER SET utf8mb3, \
             gbk VARCHAR(20) CHARACTER SET gbk, tiny TINYINT UNSIGNED, f FLOAT, d DOUBLE)",
            "INSERT INTO t VALUES
             (1, b'1100000001', 1, '初诊', 'x,二', '838:59:59.500', 2026, '{\"a\": 1}', 'café',
             '王', '李', 255, 0.1, 0.1),
             (2, 65, 0, 'b', '', '-01:00:00', 0, NULL, '', '', '', 0, 1e10, 1e300),
             (9223372036854775807, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             NULL, NULL),
             (9223372036854775808, 0, 1, 'b', 'x', '00:00:00', 1901, '1', 'x', 'x', 'x', 1, 1, 1)",
        ],
    )
    .await;
    let bench = Bench::new(
        "{ t: { key: [id], columns: { id: int64, bits: 'int64?', flag: 'bool?', kind: 'text?', \
           tags: 'text?', took: 'text?', made: 'int64?', body: 'text?', old: 'text?', \
           utf3: 'text?', gbk: 'text?', tiny: 'int64?', f: 'text?', d: 'text?' } } }",
        &config(&url, "t: { from: hub_odd.t }"),
    );
    let load = bench.night(1).await.remove(0);
    // A key beyond the range of int64 is refused, not cut.
    assert_eq!(load.rejected, counts(&[("bad_value", 1)]));
    let columns = "bits, flag, kind, tags, took, made, body, old, utf3, gbk, tiny, f, d";
    assert_eq!(
        bench.current("t", "id", columns).await,
        [
            "769 true 初诊 x,二 838:59:59.500000 2026 {\"a\": 1} café 王 李 255 0.1 0.1",
            &format!("65 false b  -01:00:00.000000 0    0 10000000000 1{}", "0".repeat(300))
                .replace("0    0", "0 NULL    0"),
            "0 NULL NULL NULL NULL NULL NULL NULL NULL NULL NULL NULL NULL",
        ]
    );
}
