//! Sources that fail, on real servers: down, another password, locked, too slow, cut in the
//! middle of a read, killed by its administrator, suddenly empty, suddenly ten times as large.
//! The night before stays served, the error says which source, which table and what to do, and
//! once the fault is gone the same night gives the right answer.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use rusqlite::Connection;

use crate::servers::{address, database, on_mysql, on_postgres};
use crate::support::proxy::Proxy;
use crate::support::ward::{
    Content, FIRST, Reached, SECOND, Ward, inserts, night_one, night_two, same,
};
use crate::support::{Chance, Done, RUNTIME, spawned};

const ROWS: u64 = 600;
/// A password that must not be told.
const SECRET: &str = "s3cr3t-of-the-hospital";

/// A server of one kind and this test's database on it.
struct Server {
    kind: &'static str,
    url: url::Url,
    name: String,
}

/// Something held until it is dropped.
type Held = tokio::sync::oneshot::Sender<()>;

impl Server {
    fn new(kind: &'static str, variable: &str) -> Option<Self> {
        let url: url::Url = address(variable)?.parse().expect("an address");
        let server = Self { kind, url, name: format!("{}_faults", database()) };
        let letters = if server.is_postgres() { "" } else { " character set utf8mb4" };
        server.as_admin(&format!("create database {}{letters}", server.name));
        for statement in night_one(ROWS, kind) {
            server.run(&statement);
        }
        Some(server)
    }

    fn is_postgres(&self) -> bool {
        self.kind == "postgres"
    }

    /// Address of the database as `user`, on another port where one is given.
    fn at(&self, user: Option<&str>, port: Option<u16>) -> String {
        let mut url = self.url.clone();
        url.set_path(&self.name);
        if let Some(user) = user {
            url.set_username(user).expect("a user");
            url.set_password(Some(SECRET)).expect("a password");
        }
        url.set_port(port.or_else(|| url.port())).expect("a port");
        url.to_string()
    }

    fn as_admin(&self, statement: &str) {
        match self.is_postgres() {
            true => RUNTIME.block_on(on_postgres(self.url.as_str(), statement)),
            false => RUNTIME.block_on(on_mysql(self.url.as_str(), statement)),
        }
    }

    fn run(&self, statement: &str) {
        match self.is_postgres() {
            true => RUNTIME.block_on(on_postgres(&self.at(None, None), statement)),
            false => RUNTIME.block_on(on_mysql(&self.at(None, None), statement)),
        }
    }

    /// A session that keeps table `visit` for itself.
    fn lock(&self) -> Held {
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let url = self.at(None, None);
        if self.is_postgres() {
            let lock = "begin; lock table visit in access exclusive mode";
            let client = RUNTIME.block_on(async {
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
                tokio::spawn(connection);
                client.batch_execute(lock).await.expect("locked");
                client
            });
            RUNTIME.spawn(async move {
                let _ = dropped.await;
                drop(client);
            });
        } else {
            let mut connection = RUNTIME.block_on(async {
                let opts = mysql_async::Opts::from_url(&url).expect("an address");
                let mut connection = mysql_async::Conn::new(opts).await.expect("connected");
                connection.query_drop("lock tables visit write").await.expect("locked");
                connection
            });
            RUNTIME.spawn(async move {
                let _ = dropped.await;
                connection.query_drop("unlock tables").await.expect("unlocked");
                connection.disconnect().await.expect("closed");
            });
        }
        held
    }

    /// Ends every other session that reads `visit`; whether there was one.
    fn kill_readers(&self) -> bool {
        let url = self.at(None, None);
        RUNTIME.block_on(async {
            if self.is_postgres() {
                let (client, connection) =
                    tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("connected");
                tokio::spawn(connection);
                let kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname \
                            = current_database() and pid <> pg_backend_pid() and query like \
                            '%pg_sleep%' and state = 'active'";
                return !client.query(kill, &[]).await.expect("killed").is_empty();
            }
            let opts = mysql_async::Opts::from_url(&url).expect("an address");
            let mut connection = mysql_async::Conn::new(opts).await.expect("connected");
            let find = "select id from information_schema.processlist where db = database() \
                        and id <> connection_id() and info like '%sleep(%'";
            let found: Vec<u64> = connection.query(find).await.expect("listed");
            for id in &found {
                connection.query_drop(format!("kill {id}")).await.expect("killed");
            }
            connection.disconnect().await.expect("closed");
            !found.is_empty()
        })
    }

    /// Table `visit`, a hundredth of a second per row.
    fn slowly(&self) -> String {
        let slow = match self.is_postgres() {
            true => "pg_sleep(0.01)::text is not null",
            false => "sleep(0.01) = 0",
        };
        format!(", query: \"select id, name, amount, updated_at from visit where {slow}\"")
    }
}

/// A ward whose sources are on a server, and what it must publish.
struct Bench<'a> {
    server: &'a Server,
    ward: Ward,
    first: Content,
    second: &'a Content,
}

impl Bench<'_> {
    /// The section of a source at `url` with `limits`.
    fn reach(&self, url: &str, limits: &str, visit: &str) {
        let section =
            format!("kind: {}\n    url: \"{url}\"\n    limits: {{ {limits} }}", self.server.kind);
        let nightly = "{ lease: 60s }";
        self.ward.configure(&Reached { section: &section, visit, nightly });
    }

    fn well(&self) {
        self.reach(&self.server.at(None, None), "", "");
    }

    /// A night that fails: nothing is published, and `words` tell why.
    fn fails(&self, fault: &str, done: &Done, words: &[&str]) {
        let told = done.exited(1) + &done.err();
        for word in ["source `his`", "hint: "].iter().chain(words) {
            assert!(told.contains(word), "{fault}: no `{word}` in\n{told}");
        }
        assert!(!told.contains(SECRET), "{fault}: a password is told\n{told}");
        let (id, seen) = self.ward.shown();
        assert_eq!(id, 1, "{fault}");
        same(&seen, &self.first, fault);
    }

    /// The fault is gone: the same night, in a copy, so that the next fault meets the same.
    fn recovers(&self, fault: &str) {
        self.well();
        let again = self.ward.copied();
        again.nightly(SECOND).passed();
        let (id, seen) = again.shown();
        assert_eq!(id, 2, "{fault}");
        same(&seen, self.second, fault);
    }
}

/// What night 2 publishes, from a file that never failed.
fn wanted() -> Content {
    let ward = Ward::prepared(ROWS, "{ lease: 60s }");
    ward.nightly(SECOND).passed();
    ward.shown().1
}

fn faults(server: &Server) {
    let mut chance = Chance::new(match server.is_postgres() {
        true => "faults of a PostgreSQL source",
        false => "faults of a MariaDB source",
    });
    let second = wanted();
    let ward = Ward::new(&Reached::file());
    let mut bench = Bench { server, ward, first: Content::new(), second: &second };
    bench.well();
    bench.ward.nightly(FIRST).passed();
    bench.first = bench.ward.shown().1;
    night_two(ROWS).iter().for_each(|statement| server.run(statement));

    down(&bench);
    password(&bench);
    locked(&bench);
    too_slow(&bench);
    cut(&bench, &mut chance);
    killed(&bench);
    amounts(&bench);
    chance.told("8 faults: the night before served, the cause told, the rerun right");
    let name = &server.name;
    match server.is_postgres() {
        true => server.as_admin(&format!("drop database {name} with (force)")),
        false => server.as_admin(&format!("drop database {name}")),
    }
}

fn down(bench: &Bench<'_>) {
    // A port nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    bench.reach(&bench.server.at(None, Some(port)), "", "");
    let started = Instant::now();
    bench.fails("down", &bench.ward.nightly(SECOND), &["nobody answers at its address"]);
    assert!(started.elapsed() > Duration::from_secs(2), "it was not tried again");
    bench.recovers("down");
}

fn password(bench: &Bench<'_>) {
    let (server, user) = (bench.server, "clinichub_secret");
    let (drop, create, change, grant) = match server.is_postgres() {
        true => (
            format!("drop owned by {user}; drop role {user}"),
            format!("create role {user} login password '{SECRET}'"),
            format!("alter role {user} password 'another'"),
            format!("grant select on all tables in schema public to {user}"),
        ),
        false => (
            format!("drop user {user}@'127.0.0.1'"),
            format!("create user {user}@'127.0.0.1' identified by '{SECRET}'"),
            format!("alter user {user}@'127.0.0.1' identified by 'another'"),
            format!("grant select on {}.* to {user}@'127.0.0.1'", server.name),
        ),
    };
    server.run(&create);
    server.run(&grant);
    bench.reach(&server.at(Some(user), None), "", "");
    let again = bench.ward.copied();
    again.nightly(SECOND).passed();
    server.run(&change);
    bench.fails("password", &bench.ward.nightly(SECOND), &["user or password was refused"]);
    bench.recovers("password");
    server.run(&drop);
}

fn locked(bench: &Bench<'_>) {
    let held = bench.server.lock();
    bench.reach(&bench.server.at(None, None), "lock_timeout: 1s", "");
    let started = Instant::now();
    let words = ["table `visit`", "holds a lock", "`limits.lock_timeout`"];
    bench.fails("locked", &bench.ward.nightly(SECOND), &words);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    drop(held);
    bench.recovers("locked");
}

fn too_slow(bench: &Bench<'_>) {
    let url = bench.server.at(None, None);
    bench.reach(&url, "statement_timeout: 1s", &bench.server.slowly());
    let words = ["table `visit`", "`statement_timeout`"];
    bench.fails("too slow", &bench.ward.nightly(SECOND), &words);
    bench.recovers("too slow");
}

fn cut(bench: &Bench<'_>, chance: &mut Chance) {
    let port = bench.server.url.port().expect("a port");
    let proxy = Proxy::before(&format!("127.0.0.1:{port}"));
    let url = bench.server.at(None, Some(proxy.address.port()));
    bench.reach(&url, "", "");
    // Early, so that it happens while rows of `visit`, the last table, are read.
    let bytes = 4_000 + chance.next() % 16_000;
    proxy.cut_after(bytes);
    let what = format!("{chance} cut after {bytes} bytes");
    bench.fails(&what, &bench.ward.nightly(SECOND), &["the connection was cut"]);
    proxy.cut_after(u64::MAX);
    bench.recovers(&what);
}

fn killed(bench: &Bench<'_>) {
    bench.reach(&bench.server.at(None, None), "", &bench.server.slowly());
    let config = bench.ward.config();
    let config = config.to_str().expect("text");
    let night = spawned(["nightly", "--date", SECOND, "--config", config]);
    let started = Instant::now();
    while !bench.server.kill_readers() {
        assert!(started.elapsed() < Duration::from_secs(30), "nobody reads");
        std::thread::sleep(Duration::from_millis(50));
    }
    let done = Done::of("nightly whose reader is killed", night);
    bench.fails("killed", &done, &["table `visit`", "the connection was cut"]);
    bench.recovers("killed");
}

/// Suddenly nothing, suddenly ten times as much: the only faults that pass for data.
fn amounts(bench: &Bench<'_>) {
    let (server, ward) = (bench.server, &bench.ward);
    bench.well();
    ward.nightly(SECOND).passed();
    let (id, before) = ward.shown();
    assert_eq!(id, 2);
    same(&before, bench.second, "before amounts change");
    server.run("create table kept as select * from visit");
    server.run("delete from visit");
    let run = ward.nightly("2026-10-15");
    let told = run.exited(3);
    assert!(told.contains("visit") && told.contains("refused"), "{told}");
    assert_eq!(ward.shown(), (2, before.clone()), "nothing of it is published");
    server.run("insert into visit select * from kept");
    ward.nightly_full("2026-10-15").passed();
    let (id, after) = ward.shown();
    assert_eq!(id, 3);
    same(&after, &before, "the rows are back");
    inserts("visit", 10_000..10_000 + 9 * ROWS).iter().for_each(|statement| server.run(statement));
    server.run("update visit set updated_at = '2026-10-16 09:00:00' where id >= 10000");
    ward.nightly("2026-10-16").passed();
    let (id, after) = ward.shown();
    assert_eq!((id, after["visit"].len()), (4, before["visit"].len() + 9 * ROWS as usize));
}

#[test]
fn a_postgresql_that_fails_leaves_the_night_before() {
    let Some(server) = Server::new("postgres", "CLINICHUB_TEST_PG_URL") else { return };
    faults(&server);
}

#[test]
fn a_mariadb_that_fails_leaves_the_night_before() {
    let Some(server) = Server::new("mysql", "CLINICHUB_TEST_MYSQL_URL") else { return };
    faults(&server);
}

#[test]
fn a_locked_file_leaves_the_night_before() {
    let ward = Ward::prepared(60, "{ lease: 60s }");
    let (_, before) = ward.shown();
    let section = "kind: sqlite\n    path: ./his.db\n    limits: { lock_timeout: 1s }";
    ward.configure(&Reached { section, ..Reached::file() });
    let other = Connection::open(ward.dir.path().join("his.db")).expect("opened");
    other.execute_batch("begin exclusive").expect("locked");
    let told = ward.nightly(SECOND).exited(1);
    assert!(told.contains("source `his`") && told.contains("holds a lock"), "{told}");
    assert_eq!(ward.shown(), (1, before));
    other.execute_batch("rollback").expect("unlocked");
    ward.nightly(SECOND).passed();
    assert_eq!(ward.shown().0, 2);
}
