//! The same hospital on a real server: `demo --into` loads it, a deployment that reads it there
//! publishes what the SQLite one publishes.
//!
//! Addresses come from `CLINICHUB_TEST_PG_URL` and `CLINICHUB_TEST_MYSQL_URL`, which `tests/run`
//! sets. `CLINICHUB_TEST_SKIP_SERVERS=1` leaves these tests out.

use std::path::Path;

use mysql_async::prelude::Queryable as _;

use crate::support::{END, RUNTIME, Served, clinichub, content, fresh, hub, logins};

/// The address in `variable`; none when servers are left out on purpose.
pub(crate) fn address(variable: &str) -> Option<String> {
    if std::env::var("CLINICHUB_TEST_SKIP_SERVERS").is_ok_and(|value| value == "1") {
        eprintln!("left out: CLINICHUB_TEST_SKIP_SERVERS=1");
        return None;
    }
    Some(std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set; use tests/run, or CLINICHUB_TEST_SKIP_SERVERS=1")
    }))
}

/// Name of this run's database.
pub(crate) fn database() -> String {
    format!("clinichub_it_{}", std::process::id())
}

pub(crate) async fn on_postgres(url: &str, statement: &str) {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
    let driver = tokio::spawn(connection);
    client.batch_execute(statement).await.expect("done");
    drop(client);
    let _ = driver.await;
}

pub(crate) async fn on_mysql(url: &str, statement: &str) {
    let pool = mysql_async::Pool::new(url);
    let mut connection = pool.get_conn().await.expect("connected");
    connection.query_drop(statement).await.expect("done");
    drop(connection);
    pool.disconnect().await.expect("closed");
}

/// The configuration with the hospital on a server, every table as before.
fn moved(config: &str, kind: &str, url: &str) -> String {
    let sqlite = "    kind: sqlite\n    path: ./sources/his.db\n";
    assert!(config.contains(sqlite), "{config}");
    config.replace(sqlite, &format!("    kind: {kind}\n    url: \"{url}\"\n"))
}

/// Loads the demo's hospital into `url`, runs one night from there, compares.
fn publishes_the_same(kind: &str, url: &str) {
    let loaded = clinichub(["demo", "--no-serve", "--people", "1500", "--days", "120"])
        .arg("--end")
        .arg(END)
        .arg("--dir")
        .arg(&hub().dir)
        .arg("--into")
        .arg(url)
        .done()
        .passed();
    assert!(loaded.contains("HIS rows"), "{loaded}");
    assert!(!loaded.contains("night 1"), "nights ran again: {loaded}");
    let dir = fresh(&hub().dir, |config| moved(&config, kind, url));
    let config = dir.path().join("clinichub.yaml");
    let night = clinichub(["nightly", "--date", END, "--config"]).arg(&config).done();
    night.passed();
    compare(dir.path(), &config);
}

fn compare(dir: &Path, config: &Path) {
    let key = clinichub(["keys", "create", "--user", "ceo", "--role", "group", "--config"])
        .arg(config)
        .done()
        .passed();
    let key = key.lines().last().expect("a key");
    std::fs::write(dir.join("logins"), format!("ceo {key}\nmanager {key}\n")).expect("kept");
    let served = Served::start(config, None);
    let found = content(&served, &logins(dir).0);
    let wanted = content(&hub().served, &hub().ceo);
    assert!(wanted["visit"].len() > 900 && wanted["payment"].len() > 800);
    let mut wrong = Vec::new();
    // Since when a link stands differs: one of the two has seen three nights, the other one.
    for (table, lines) in wanted.iter().filter(|(table, _)| *table != "person_link") {
        let other = &found[table];
        if other != lines {
            let lost = lines.iter().find(|line| other.binary_search(line).is_err());
            let only = other.iter().find(|line| lines.binary_search(line).is_err());
            wrong.push(format!(
                "{table}: {} and {} lines\n  only sqlite {lost:?}\n  only server {only:?}",
                lines.len(),
                other.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} tables differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_hospital_on_postgresql_publishes_the_same() {
    let Some(url) = address("CLINICHUB_TEST_PG_URL") else { return };
    let name = database();
    RUNTIME.block_on(on_postgres(&url, &format!("create database {name}")));
    let (start, options) = url.split_once('?').unwrap_or((&url, ""));
    let (server, _) = start.rsplit_once('/').expect("an address with a database");
    publishes_the_same("postgres", &format!("{server}/{name}?{options}"));
    RUNTIME.block_on(on_postgres(&url, &format!("drop database {name} with (force)")));
}

#[test]
fn a_hospital_on_mysql_publishes_the_same() {
    let Some(url) = address("CLINICHUB_TEST_MYSQL_URL") else { return };
    let name = database();
    RUNTIME.block_on(on_mysql(&url, &format!("create database {name} character set utf8mb4")));
    publishes_the_same("mysql", &format!("{}/{name}", url.trim_end_matches('/')));
    RUNTIME.block_on(on_mysql(&url, &format!("drop database {name}")));
}
