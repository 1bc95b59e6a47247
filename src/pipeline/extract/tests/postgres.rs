//! PostgreSQL, against the server `CLINICHUB_TEST_PG_URL` names.

use hub_domain::run::LoadStatus;
use tokio_postgres::{Client, NoTls};

use super::*;

/// The address of a test server. A suite that silently tests nothing is worse than a red one:
/// leaving the servers out must be said.
#[expect(clippy::disallowed_methods, reason = "tests take their servers from the environment")]
pub(super) fn server(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(url) => Some(url),
        Err(_) if std::env::var("CLINICHUB_TEST_SKIP_SERVERS").as_deref() == Ok("1") => None,
        Err(_) => panic!("set `{variable}`, or `CLINICHUB_TEST_SKIP_SERVERS=1` to leave it out"),
    }
}

/// A private schema, dropped and made anew.
pub(super) async fn schema(name: &str) -> Option<(String, Client)> {
    let url = server("CLINICHUB_TEST_PG_URL")?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a server");
    tokio::spawn(connection);
    let sql = format!(
        "DROP SCHEMA IF EXISTS hub_{name} CASCADE; CREATE SCHEMA hub_{name};
         SET search_path = hub_{name}"
    );
    client.batch_execute(&sql).await.expect("a schema");
    Some((url, client))
}

fn config(url: &str, table: &str) -> String {
    format!("{{ kind: postgres, url: '{url}', tables: {{ {table} }} }}")
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_types_faults_and_infinities() {
    let Some((url, client)) = schema("types").await else { return };
    client
        .batch_execute(
            "CREATE TABLE t (id int, \"姓名\" text, ok bool, born date, at timestamp,
             seen timestamptz,
             fee numeric(30, 10), loose text);
             INSERT INTO t VALUES
             (1, '王  ', true, '1990-02-28', '2026-03-01 08:00:00.25',
             '2026-03-01 08:00:00+09', 12.5, '7'),
             (2, NULL, NULL, NULL, '1969-12-31 23:00:00', '1900-01-01 00:00:00+00', NULL, '-7'),
             (3, 'x', true, 'infinity', '2026-03-01 08:00:00', now(), 1, '1'),
             (4, 'x', true, NULL, '-infinity', now(), 1, '1'),
             (5, 'x', true, NULL, '10999-12-31 00:00:00', now(), 1, '1'),
             (6, 'x', true, NULL, '2026-03-01 08:00:00', 'infinity', 1, '1'),
             (7, 'x', true, NULL, '2026-03-01 08:00:00', now(), 12345678901, '1'),
             (8, 'x', true, NULL, '2026-03-01 08:00:00', now(), 0.005, '1'),
             (9, 'x', true, NULL, '2026-03-01 08:00:00', now(), 'NaN', '1'),
             (10, 'x', true, NULL, '2026-03-01 08:00:00', now(), 1, 'many'),
             (11, 'x', true, NULL, '2026-03-01 08:00:00', now(), 1, NULL),
             (NULL, 'x', true, NULL, '2026-03-01 08:00:00', now(), 1, '1'),
             (1, 'again', true, NULL, '2026-03-01 08:00:00', now(), 1, '1'),
             (12, 'x', true, '0001-01-01 BC', '2026-03-01 08:00:00', now(), 1, '1');",
        )
        .await
        .expect("rows");
    let bench = Bench::new(
        "{ t: { key: [id], columns: { id: int64, 姓名: 'text?', ok: 'bool?', born: 'date?', \
           at: timestamp, seen: timestamp, fee: 'decimal(12,2)?', loose: int64 } } }",
        &config(&url, "t: { from: hub_types.t }"),
    );
    let load = bench.night(1).await.remove(0);
    let expected = counts(&[
        ("bad_value", 4),
        ("decimal_overflow", 1),
        ("duplicate_key", 1),
        ("impossible_date", 5),
        ("null_key", 1),
    ]);
    assert_eq!(load.rejected, expected);
    assert_eq!(
        bench.current("t", "id", "id, 姓名 || '.', ok, born, at, seen, fee, loose").await,
        [
            "1 王  . true 1990-02-28 2026-03-01T00:00:00.250Z 2026-02-28T23:00:00Z 12.50 7",
            "2 NULL NULL NULL 1969-12-31T15:00:00Z 1900-01-01T00:00:00Z NULL -7",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_nights_by_cursor_with_deletes() {
    for kind in ["timestamp", "timestamptz"] {
        let Some((url, client)) = schema(&format!("nights_{kind}")).await else { return };
        let run = |sql: &'static str| client.batch_execute(sql);
        run("SET timezone = 'Asia/Shanghai'").await.expect("a zone");
        client
            .batch_execute(&format!("CREATE TABLE t (id int PRIMARY KEY, v text, at {kind})"))
            .await
            .expect("a table");
        run("INSERT INTO t SELECT i, 'a', '2026-03-01 10:00:00' FROM generate_series(1, 20000) i")
            .await
            .expect("rows");
        let bench = Bench::new(
            "{ t: { key: [id], columns: { id: int64, v: 'text?', at: timestamp } } }",
            &config(
                &url,
                &format!(
                    "t: {{ from: hub_nights_{kind}.t, cursor: {{ column: at, lag: 1h }}, \
                     deletes: scan }}"
                ),
            ),
        );
        assert_eq!(bench.night(1).await.remove(0).rows_read, 20_000);
        run("DELETE FROM t WHERE id IN (5, 20000);
             UPDATE t SET v = 'b', at = '2026-03-02 10:00:00' WHERE id = 6;
             UPDATE t SET at = '2026-03-01 08:59:59' WHERE id > 10;
             INSERT INTO t VALUES (30000, 'late', '2026-03-01 09:00:00')")
        .await
        .expect("changes");
        let load = bench.night(2).await.remove(0);
        assert_eq!((load.mode.as_str(), load.rows_read, load.rows_deleted), ("cursor", 10, 2));
        let rows = bench.current("t", "id", "v").await;
        assert_eq!(rows.len(), 19_999);
        assert_eq!(rows.iter().filter(|v| *v == "b" || *v == "late").count(), 2);
        run("ALTER TABLE t DROP COLUMN v, DROP COLUMN at").await.expect("drift");
        let load = bench.night(3).await.remove(0);
        assert_eq!(load.notices, ["column `v` is gone; column `at` is gone"]);
        assert_eq!(load.status, LoadStatus::Frozen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tables_are_read_as_of_one_moment() {
    let Some((url, client)) = schema("moment").await else { return };
    let sql = "CREATE TABLE a (id int); CREATE TABLE b (id int);
               INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)";
    client.batch_execute(sql).await.expect("tables");
    let section = config(&url, "a: { from: hub_moment.a }");
    let section: SourceConfig = serde_saphyr::from_str(&section).expect("a section");
    let mut source =
        connect("src", &section, chrono_tz::Asia::Shanghai).await.expect("a connection");
    client.batch_execute("INSERT INTO a VALUES (2); INSERT INTO b VALUES (2)").await.expect("rows");
    for table in ["hub_moment.a", "hub_moment.b"] {
        assert_eq!(rows_of(source.as_mut(), table).await, 1);
    }
    source.close().await;
    let refused = connect("src", &section_of("postgres://127.0.0.1:1/none"), chrono_tz::UTC).await;
    assert!(matches!(refused, Err(ExtractError::Connect { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_that_break_off_land_nothing() {
    let Some((url, _client)) = schema("broken").await else { return };
    let rows = "SELECT i AS id, pg_sleep(0.001)::text AS s FROM generate_series(1, 20000) i";
    let section = format!(
        "{{ kind: postgres, url: '{url}', limits: {{ statement_timeout: 1s }}, \
           tables: {{ t: {{ query: '{rows}', key: [id] }} }} }}"
    );
    let bench = Bench::new("", &section);
    let text = bench.fails(1).await;
    assert!(text.contains("table `t`") && text.contains("broke off"), "{text}");
    assert_eq!(bench.version("t").await, None);
}

/// The server itself raises each state, in the middle of the rows.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_reads_the_server_gives_up_are_told_and_land_nothing() {
    let Some((url, client)) = schema("given_up").await else { return };
    let function = "CREATE FUNCTION give_up(i int, state text) RETURNS text LANGUAGE plpgsql AS \
                    $$ BEGIN IF i > 3000 THEN RAISE EXCEPTION USING ERRCODE = state; END IF; \
                    RETURN 'row ' || i; END $$";
    client.batch_execute(function).await.expect("a function");
    let moment = "gave up the moment";
    // The count reads the same rows: whichever fails first ends both, and is told.
    let states =
        [("40P01", "to solve a deadlock"), ("72000", moment), ("40001", moment), ("57P01", "cut")];
    for (state, told) in states {
        let call = format!("hub_given_up.give_up(i, ''{state}'')");
        let rows = format!("SELECT i AS id, {call} AS s FROM generate_series(1, 9000) i");
        let tables = format!("{{ t: {{ query: '{rows}', key: [id] }} }}");
        let bench =
            Bench::new("", &format!("{{ kind: postgres, url: '{url}', tables: {tables} }}"));
        let text = bench.fails(1).await;
        assert!(text.contains("table `t`") && text.contains(told), "{state}: {text}");
        assert_eq!(bench.version("t").await, None, "{state}");
    }
}

fn section_of(url: &str) -> SourceConfig {
    serde_saphyr::from_str(&format!("{{ kind: postgres, url: '{url}' }}")).expect("a section")
}

/// Rows an open source reads from a table with one column `id`.
pub(super) async fn rows_of(source: &mut dyn Source, table: &str) -> usize {
    use futures::TryStreamExt;
    let config = TableConfig { key: vec!["id".into()], ..TableConfig::default() };
    let relation = Relation::Table(table.into());
    let found = source.describe(&relation).await.expect("columns");
    let (contract, before) = (None, None);
    let plan =
        Plan { source: "src", table: "t", config: &config, contract, relation, found, before };
    let options = intake::IntakeOptions {
        stamp: builder::LoadStamp { load_id: "x".into(), extracted_at: 0, load_seq: 0 },
        zone: cell::ZoneTable::new(chrono_tz::UTC),
        selection: selection::Selection::default(),
        ceiling: None,
        known: std::collections::HashMap::new(),
        sealer: None,
    };
    let spec = Arc::new(plan.spec().expect("a spec"));
    let intake = Intake::new(spec, options, intake::TallySlot::default()).expect("an intake");
    let batches = source.open(intake).await.expect("a stream");
    let batches: Vec<_> = batches.try_collect().await.expect("rows");
    batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum()
}
