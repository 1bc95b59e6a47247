//! Planted losses: a reader that swallows, doubles or swaps a row is found on every server.

use async_trait::async_trait;
use hub_domain::run::Reconciled;
use mysql_async::prelude::Queryable;

use super::*;
use crate::extract::intake::Intake;
use crate::extract::reconcile::{self, Measuring};

/// Rows of the table.
const ROWS: i64 = 400;

/// A source whose reader sees another relation than whoever counts.
struct Astray {
    inner: Box<dyn Source>,
    reads: String,
}

#[async_trait]
impl Source for Astray {
    async fn describe(&mut self, relation: &Relation) -> Result<Vec<FoundColumn>, Cause> {
        self.inner.describe(relation).await
    }

    async fn open<'a>(&'a mut self, intake: Intake) -> Result<BatchStream<'a>, ExtractError> {
        self.inner.open(intake.reading(Relation::Query(self.reads.clone()))).await
    }

    async fn measure(&mut self, intake: &Intake) -> Result<Option<Measuring>, Cause> {
        self.inner.measure(intake).await
    }

    async fn close(self: Box<Self>) {
        self.inner.close().await;
    }
}

impl Bench {
    /// A night whose reader sees `reads` instead of table `t`; what of it differs.
    async fn astray(&self, number: u32, reads: &str) -> Vec<String> {
        let load_id = format!("run-{number}");
        let now = DateTime::from_timestamp_micros(1_772_323_200_000_000).expect("an instant");
        let request = ExtractRequest {
            source: "src",
            config: &self.config,
            contracts: &self.contracts,
            lake: &self.lake,
            date: day(number),
            kind: LoadKind::Nightly,
            zone: chrono_tz::Asia::Shanghai,
            load_id: &load_id,
            clock: Arc::new(FixedClock(now)),
            suppression: None,
            brake: Brake::new("src", &self.config.limits, Arc::clone(&self.switch)),
            sealer: None,
        };
        let inner = connect("src", &self.config, request.zone).await.expect("a source");
        let mut sources: [Box<dyn Source>; 1] =
            [Box::new(Astray { inner, reads: reads.to_owned() })];
        let config = self.config.tables["t"].clone();
        let spec = table_spec(&request, sources[0].as_mut(), "t", &config).await.expect("a spec");
        let load = land::land(&request, &mut sources, spec, &Unwatched).await;
        let [source] = sources;
        source.close().await;
        differing(&load.expect("it lands").expect("a load").reconciled)
    }
}

fn differing(compared: &[Reconciled]) -> Vec<String> {
    assert!(compared.len() >= 3, "rows, keys and sums are compared: {compared:?}");
    let differs = compared.iter().filter(|one| one.source != one.lake);
    differs.map(|one| one.amount.clone()).collect()
}

const CONTRACT: &str = "{ t: { key: [KEY], columns: { id: int64, code: text, \
     fee: 'decimal(12,2)', points: 'int64?', note: 'text?', at: timestamp } } }";

/// Rows as SQL: every fortieth lacks its code, fees are signed.
fn values() -> String {
    let row = |id: i64| {
        let code = if id % 40 == 0 { "NULL".to_owned() } else { format!("'号{}'", id % 7) };
        let points = if id % 3 == 0 { "NULL".to_owned() } else { (id * 1_000_003).to_string() };
        let fee = format!("{}{}.{:02}", if id % 5 == 0 { "-" } else { "" }, id * 13, id % 100);
        format!("({id}, {code}, {fee}, {points}, 'n{id}', '2026-03-01 {:02}:00:00')", id % 24)
    };
    (1..=ROWS).map(row).collect::<Vec<_>>().join(", ")
}

/// What every server must find, and that the next night mends it.
async fn finds_what_is_planted(key: &str, section: &str, table: &str) {
    let all = "id, code, fee, points, note, at";
    let plants = [
        (format!("SELECT * FROM {table} WHERE id <> 7"), ["rows", "keys", "sum:fee"].as_slice()),
        (
            format!("SELECT * FROM {table} UNION ALL SELECT * FROM {table} WHERE id = 7"),
            &["rows", "keys", "sum:fee"],
        ),
        (
            format!(
                "SELECT * FROM {table} WHERE id <> 7 UNION ALL \
                 SELECT id + 100000, code, fee, points, note, at FROM {table} WHERE id = 7"
            ),
            &["keys"],
        ),
        (format!("SELECT {all} FROM {table}"), &[]),
    ];
    for (reads, found) in plants {
        let bench = Bench::new(&CONTRACT.replace("KEY", key), section);
        let differs = bench.astray(1, &reads).await;
        for amount in found {
            assert!(
                differs.iter().any(|known| known == amount),
                "{amount} of {reads}: {differs:?}"
            );
        }
        if found.is_empty() {
            assert!(differs.is_empty(), "{reads}: {differs:?}");
        }
        let load = bench.night(2).await.remove(0);
        assert_eq!(load.mode, if found.is_empty() { "cursor" } else { "full" }, "{reads}");
        assert!(differing(&load.reconciled).is_empty(), "{:?}", load.reconciled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_found_on_sqlite() {
    for key in ["id", "code, id"] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("his.db");
        let connection = rusqlite::Connection::open(&file).expect("a file");
        let sql = "CREATE TABLE t (id INTEGER, code TEXT, fee DECIMAL(12,2), points INT, note TEXT, \
                   at DATETIME)";
        connection
            .execute_batch(&format!("{sql}; INSERT INTO t VALUES {}", values()))
            .expect("rows");
        let section = format!(
            "{{ kind: sqlite, path: {}, tables: {{ t: {{ cursor: {{ column: at }} }} }} }}",
            file.display()
        );
        finds_what_is_planted(key, &section, "t").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_found_on_postgres() {
    let Some((url, client)) = postgres::schema("reconcile").await else { return };
    let sql = "CREATE TABLE t (id bigint, code text, fee numeric(12,2), points int, note text, \
               at timestamp)";
    client.batch_execute(&format!("{sql}; INSERT INTO t VALUES {}", values())).await.expect("rows");
    for key in ["id", "code, id"] {
        let section = format!(
            "{{ kind: postgres, url: '{url}', tables: {{ t: {{ from: hub_reconcile.t, \
             cursor: {{ column: at }} }} }} }}"
        );
        finds_what_is_planted(key, &section, "hub_reconcile.t").await;
    }
}

/// One row lost among ten million, where there is time (`CLINICHUB_LONG=1`); among a hundred
/// thousand otherwise.
#[expect(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
#[tokio::test(flavor = "multi_thread")]
async fn one_row_lost_among_very_many_is_found() {
    let Some((url, client)) = postgres::schema("reconcile_many").await else { return };
    let long = std::env::var("CLINICHUB_LONG").as_deref() == Ok("1");
    let rows = if long { 10_000_000 } else { 100_000 };
    let sql = format!(
        "CREATE TABLE t AS SELECT id, '号' || id % 7 AS code, (id * 13 % 99999)::numeric(12,2) \
         AS fee, (id % 1000)::int AS points, 'n' || id AS note, \
         timestamp '2026-03-01' AS at FROM generate_series(1::bigint, {rows}) AS id"
    );
    client.batch_execute(&sql).await.expect("rows");
    let section = format!(
        "{{ kind: postgres, url: '{url}', tables: {{ t: {{ from: hub_reconcile_many.t, \
         cursor: {{ column: at }} }} }} }}"
    );
    let bench = Bench::new(&CONTRACT.replace("KEY", "id"), &section);
    let lost = rows / 3;
    let reads = format!("SELECT * FROM hub_reconcile_many.t WHERE id <> {lost}");
    let differs = bench.astray(1, &reads).await;
    for amount in ["rows", "keys", "sum:fee"] {
        assert!(differs.iter().any(|known| known == amount), "{amount} of {rows}: {differs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_found_on_mysql() {
    let Some((url, mut connection)) = mysql::database("reconcile").await else { return };
    let sql = "CREATE TABLE t (id BIGINT, code VARCHAR(20), fee DECIMAL(12,2), points INT, \
               note VARCHAR(20), at DATETIME)";
    for statement in [sql.to_owned(), format!("INSERT INTO t VALUES {}", values())] {
        connection.query_drop(statement).await.expect("rows");
    }
    for key in ["id", "code, id"] {
        let section = format!(
            "{{ kind: mysql, url: '{url}/hub_reconcile', tables: {{ t: {{ \
             cursor: {{ column: at }} }} }} }}"
        );
        finds_what_is_planted(key, &section, "t").await;
    }
}

#[tokio::test]
async fn what_is_not_to_be_compared_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("his.db");
    let connection = rusqlite::Connection::open(&file).expect("a file");
    connection
        .execute_batch("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)")
        .expect("rows");
    for (reconcile, wanted) in [("full", 3), ("counts", 1), ("none", 0)] {
        let section = format!(
            "{{ kind: sqlite, path: {}, reconcile: none, \
             tables: {{ t: {{ reconcile: {reconcile} }} }} }}",
            file.display()
        );
        let bench = Bench::new("{ t: { key: [id], columns: { id: int64 } } }", &section);
        let load = bench.night(1).await.remove(0);
        assert_eq!(load.reconciled.len(), wanted, "{:?}", load.reconciled);
        assert_eq!(bench.night(1).await.remove(0).reconciled, load.reconciled, "told again");
        assert!(reconcile::agrees(&load.reconciled));
    }
}
