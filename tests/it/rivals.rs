//! Two processes on one lake and one state database: one of them works, and a holder that died,
//! or slept through its lease, cannot harm the one that took over.

use std::collections::BTreeSet;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::ward::{FIRST, Reached, SECOND, Ward, same};
use crate::support::{Chance, Long, Served, clinichub, is_long, spawned};

/// Rows per table: enough for a night to last while another one starts.
const ROWS: u64 = 600;

fn night(ward: &Ward, more: &[&str]) -> Child {
    let config = ward.config();
    let mut words = vec!["nightly", "--date", SECOND, "--config", config.to_str().expect("text")];
    words.extend(more);
    spawned(words)
}

/// Exit code and everything a process said.
fn ended(child: Child) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("gone");
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (status.code(), text)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("`kill`").success());
}

fn state(ward: &Ward) -> Connection {
    let state = Connection::open(ward.dir.path().join("state.db")).expect("opened");
    state.busy_timeout(Duration::from_secs(5)).expect("set");
    state
}

/// Waits until the lease is held under a token larger than `token`.
fn until_held(ward: &Ward, token: i64, child: &mut Child) {
    let state = state(ward);
    let held =
        || state.query_row("select token from lease", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
    while held() <= token {
        assert!(child.try_wait().expect("a status").is_none(), "it ended without the lease");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_nodes_start_the_same_night_and_one_loads_it() {
    let mut chance = Chance::new("two nodes start the same night");
    let prepared = Ward::prepared(ROWS, "{ lease: 60s }");
    let wanted = {
        let ward = prepared.copied();
        ward.nightly(SECOND).passed();
        ward.shown().1
    };
    let (rounds, mut refused) = (Long(6, 100).now(), 0);
    for round in 0..rounds {
        let ward = prepared.copied();
        let first = night(&ward, &[]);
        std::thread::sleep(Duration::from_millis(chance.next() % 60));
        let second = night(&ward, &[]);
        let ends = [ended(first), ended(second)];
        let what = format!("{chance} round {round}: {ends:?}");
        let published = |(code, text): &(Option<i32>, String)| {
            *code == Some(0) && text.contains("published snapshot 2")
        };
        assert!(ends.iter().any(published), "{what}");
        for (code, text) in ends.iter().filter(|end| !published(end)) {
            assert_eq!(*code, Some(1), "{what}");
            assert!(text.contains("LEASE_HELD: `nightly@"), "{what}");
            assert!(text.contains(" until ") && text.contains("hint: "), "{what}");
            refused += 1;
        }
        let (id, content) = ward.shown();
        assert_eq!(id, 2, "{what}");
        same(&content, &wanted, &what);
        let loads = "select count(*) from run where business_date = ?1 and status = 'published'";
        let runs: u64 = state(&ward).query_row(loads, [SECOND], |row| row.get(0)).expect("counted");
        assert_eq!(runs, ends.iter().filter(|end| published(end)).count() as u64, "{what}");
    }
    assert!(refused > 0, "no two nights met");
    chance.told(&format!("{rounds} rounds, {refused} losers refused, every night loaded once"));
}

#[test]
fn a_killed_holder_is_taken_over() {
    let chance = Chance::new("takeover after kill -9 of a holder elsewhere");
    let ttl = Long(3, 60).now();
    let ward = Ward::prepared(ROWS, &format!("{{ lease: {ttl}s }}"));
    let mut first = night(&ward, &[]);
    until_held(&ward, 1, &mut first);
    first.kill().expect("killed");
    let killed = Instant::now();
    first.wait().expect("gone");
    // On its own machine a dead holder is known to be dead; here nothing is known of it.
    let moved = "update lease set holder = 'nightly@elsewhere/7/1/ffff/1'";
    state(&ward).execute(moved, []).expect("changed");
    let (code, text) = ended(night(&ward, &[]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("LEASE_HELD: `nightly@elsewhere/7` has held"), "{text}");
    let (code, text) = ended(night(&ward, &["--wait"]));
    let took = killed.elapsed();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("published snapshot 2"), "{text}");
    // The night itself takes its time, too.
    assert!(took < Duration::from_secs(ttl + 10), "{took:?}");
    chance
        .told(&format!("lease of {ttl} s; the next night was published {took:.1?} after the kill"));
}

#[test]
fn a_holder_killed_on_this_machine_is_taken_over_at_once() {
    let ward = Ward::prepared(ROWS, "{ lease: 1h }");
    let mut first = night(&ward, &[]);
    until_held(&ward, 1, &mut first);
    first.kill().expect("killed");
    first.wait().expect("gone");
    let (code, text) = ended(night(&ward, &[]));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("published snapshot 2"), "{text}");
    let open = "select count(*) from run where status = 'running'";
    let open: u64 = state(&ward).query_row(open, [], |row| row.get(0)).expect("counted");
    assert_eq!(open, 0, "the killed run is closed by the next writer");
}

#[test]
fn a_holder_that_sleeps_through_its_lease_publishes_nothing() {
    let mut chance = Chance::new("a holder stopped beyond its lease");
    let prepared = Ward::prepared(ROWS, "{ lease: 1s }");
    let whole = Instant::now();
    let wanted = {
        let ward = prepared.copied();
        ward.nightly(SECOND).passed();
        ward.shown().1
    };
    let whole = whole.elapsed();
    let (rounds, mut lost) = (Long(4, 40).now(), 0);
    for round in 0..rounds {
        let ward = prepared.copied();
        let mut first = night(&ward, &[]);
        until_held(&ward, 1, &mut first);
        std::thread::sleep(whole.mul_f64(chance.share() * 0.6));
        signal(&first, "-STOP");
        std::thread::sleep(Duration::from_millis(1_100));
        let second = ended(night(&ward, &["--wait"]));
        signal(&first, "-CONT");
        let first = ended(first);
        let what = format!("{chance} round {round}: first {first:?} second {second:?}");
        assert_eq!(second.0, Some(0), "{what}");
        match first.0 {
            // It had published before it was stopped; the second found its night done.
            Some(0) => assert!(first.1.contains("published snapshot 2"), "{what}"),
            code => {
                assert_eq!(code, Some(1), "{what}");
                assert!(first.1.contains("LEASE_LOST"), "{what}");
                lost += 1;
            }
        }
        let (id, content) = ward.shown();
        assert_eq!(id, 2, "{what}");
        same(&content, &wanted, &what);
        // What the loser left behind does not trouble the next night.
        if round == 0 {
            ward.nightly(SECOND).passed();
            same(&ward.shown().1, &wanted, &what);
        }
    }
    assert!(lost > 0, "no holder was stopped in its night");
    chance.told(&format!("{rounds} rounds, {lost} holders lost their lease: nothing doubled"));
}

/// Takes minutes by the wall clock.
#[test]
fn two_serving_nodes_start_each_scheduled_night_once() {
    if !is_long() {
        return;
    }
    let chance = Chance::new("two serving nodes and a schedule of every minute");
    let ward =
        Ward::new(&Reached { nightly: "{ cron: '* * * * *', lease: 5s }", ..Reached::file() });
    ward.fill(60);
    let nodes = [Served::start(&ward.config(), None), Served::start(&ward.config(), None)];
    std::thread::sleep(Duration::from_secs(200));
    drop(nodes);
    let state = state(&ward);
    let mut runs = state.prepare("select started_at, status from run order by 1").expect("a query");
    let text = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let runs: Vec<(String, String)> =
        runs.query_map([], text).expect("asked").map(|row| row.expect("a run")).collect();
    let minutes: BTreeSet<&str> = runs.iter().map(|(at, _)| &at[..16]).collect();
    assert!(runs.iter().all(|(_, status)| status == "published"), "{runs:?}");
    assert_eq!(minutes.len(), runs.len(), "a start ran twice: {runs:?}");
    assert!(runs.len() >= 3, "{runs:?}");
    chance.told(&format!("{} starts, each ran once", runs.len()));
}

#[test]
fn a_rollback_needs_the_lease_as_well() {
    let ward = Ward::prepared(60, "{ lease: 1h }");
    ward.nightly(SECOND).passed();
    let until = "update lease set holder = 'backfill@elsewhere/7/1/ffff/1', \
                 expires_at = '2999-01-01T00:00:00.000000Z'";
    state(&ward).execute(until, []).expect("changed");
    let rollback =
        || clinichub(["snapshot", "rollback", "1", "--config"]).arg(ward.config()).done();
    let refused = rollback();
    assert_eq!(refused.code(), Some(1), "{}", refused.err());
    assert!(refused.err().contains("LEASE_HELD: `backfill@elsewhere/7`"), "{}", refused.err());
    let free = "update lease set expires_at = '2001-01-01T00:00:00.000000Z'";
    state(&ward).execute(free, []).expect("changed");
    rollback().passed();
    assert_eq!(ward.shown().0, 3);
    // Tokens go on where the lake's stand, even when the state database is lost.
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(ward.dir.path().join(file));
    }
    ward.nightly(SECOND).passed();
    let show = clinichub(["snapshot", "show", "4", "--config"]).arg(ward.config()).done().passed();
    assert!(show.contains("\"lease_token\": 4"), "{FIRST}: {show}");
}
