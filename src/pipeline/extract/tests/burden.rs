//! What a source may be burdened with: its rate, its switch, and that nothing is written to it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hub_domain::run::LoadStatus;

use super::*;
use crate::extract::error::Cause;

const CONTRACT: &str = "{ a: { key: [id], columns: { id: int64 } }, \
                        b: { key: [id], columns: { id: int64 } } }";

/// A switch the test holds: off from its n-th look on.
struct Switch {
    looks: Mutex<u64>,
    off_at: u64,
}

#[async_trait]
impl StopSwitch for Switch {
    async fn stopped(&self, source: &str) -> Result<Option<String>, Cause> {
        assert_eq!(source, "src");
        let mut looks = self.looks.lock().expect("no panic");
        *looks += 1;
        Ok((*looks >= self.off_at).then(|| "the vendor asks".to_owned()))
    }
}

fn bench(limits: &str, rows: usize) -> Bench {
    let bench = Bench::new(CONTRACT, &format!("{{ kind: csv, path: DIR/in, limits: {limits} }}"));
    std::fs::create_dir(bench.path("in")).expect("a folder");
    let rows: String = (0..rows).map(|row| format!("{row}\n")).collect();
    for table in ["a", "b"] {
        std::fs::write(bench.path("in").join(format!("{table}.csv")), format!("id\n{rows}"))
            .expect("a file");
    }
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_source_keeps_what_it_landed_last() {
    let mut bench = bench("{}", 10);
    bench.night(1).await;
    let landed = (bench.version("a").await, bench.version("b").await);
    // One look before each table: the second table finds the switch off.
    bench.switch = Arc::new(Switch { looks: Mutex::new(0), off_at: 2 });
    let loads = bench.night(2).await;
    assert_eq!((loads[0].status, loads[1].status), (LoadStatus::Loaded, LoadStatus::Stopped));
    assert_eq!(loads[1].notices, ["not read, the source is stopped: the vendor asks"]);
    assert_eq!(loads[1].rows_read, 0);
    assert_ne!(bench.version("a").await, landed.0);
    assert_eq!(bench.version("b").await, landed.1);
    // Switched on again, the same night reads what is missing and no more.
    bench.switch = Arc::new(AlwaysOn);
    let before = bench.version("a").await;
    let loads = bench.night(2).await;
    assert_eq!((loads[1].status, loads[1].rows_read), (LoadStatus::Loaded, 10));
    assert_eq!(bench.version("a").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_ends_a_read_and_lands_nothing_of_it() {
    let mut bench = bench("{ rows_per_second: 2000 }", 20_000);
    bench.switch = Arc::new(Switch { looks: Mutex::new(0), off_at: 2 });
    let started = Instant::now();
    let loads = bench.load_as(day(1), LoadKind::Nightly).await.expect("the night goes on");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(loads.iter().all(|load| load.status == LoadStatus::Stopped));
    assert_eq!((bench.version("a").await, bench.version("b").await), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_taken_at_the_allowed_rate() {
    let bench = bench("{ rows_per_second: 40000 }", 20_000);
    let started = Instant::now();
    bench.night(1).await;
    // 40,000 rows of two tables share one allowance.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(950), "{took:?}");
}

/// Functions that write, called by a `query`: the session refuses them.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_sessions_cannot_write() {
    let Some((url, client)) = super::postgres::schema("burden").await else { return };
    client
        .batch_execute(
            "CREATE TABLE t (id int); INSERT INTO t VALUES (1);
             CREATE SEQUENCE s;
             CREATE FUNCTION add() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO hub_burden.t VALUES (2); RETURN 2; END $$;
             CREATE FUNCTION allow() RETURNS int LANGUAGE plpgsql AS
             $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true);
             INSERT INTO hub_burden.t VALUES (3); RETURN 3; END $$;",
        )
        .await
        .expect("functions");
    let queries = [
        "SELECT hub_burden.add() AS id",
        "SELECT hub_burden.allow() AS id",
        "SELECT nextval(''hub_burden.s'') AS id",
        "WITH new AS (INSERT INTO hub_burden.t VALUES (4) RETURNING id) SELECT id FROM new",
    ];
    for query in queries {
        let tables = format!("t: {{ query: '{query}', key: [id] }}");
        let section = format!("{{ kind: postgres, url: '{url}', tables: {{ {tables} }} }}");
        let text = Bench::new("", &section).fails(1).await;
        assert!(text.contains("`t`"), "{text}");
    }
    let rows = client.query_one("SELECT count(*) FROM hub_burden.t", &[]).await.expect("a count");
    assert_eq!(rows.get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_sessions_cannot_write() {
    use mysql_async::prelude::Queryable;
    let Some((url, mut connection)) = super::mysql::database("burden").await else { return };
    for statement in [
        "CREATE TABLE t (id INT)",
        "INSERT INTO t VALUES (1)",
        "CREATE FUNCTION put() RETURNS INT MODIFIES SQL DATA \
         BEGIN INSERT INTO hub_burden.t VALUES (2); RETURN 2; END",
    ] {
        connection.query_drop(statement).await.expect("good SQL");
    }
    let tables = "t: { query: 'SELECT hub_burden.put() AS id', key: [id] }";
    let section = format!("{{ kind: mysql, url: '{url}', tables: {{ {tables} }} }}");
    let text = Bench::new("", &section).fails(1).await;
    assert!(text.contains("READ ONLY transaction"), "{text}");
    let rows: Option<i64> =
        connection.query_first("SELECT count(*) FROM hub_burden.t").await.expect("a count");
    assert_eq!(rows, Some(1));
}
