//! Nights that are killed, repeated, refused: readers see whole snapshots or nothing new.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hub_demo::{DemoSpec, advance, generate};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::ward::{Content, same, shown};
use crate::support::{Chance, END, Long, Served, clinichub, copy_tree, hub, logins, start};

/// Kills per run of the suite, and when there is time.
const KILLS: Long = Long(8, 50);
const FIRST: &str = "2026-10-13";
pub(crate) const SECOND: &str = "2026-10-14";

/// A small deployment: night 1 published, the sources at night 2.
fn prepared() -> &'static Path {
    static PREPARED: OnceLock<TempDir> = OnceLock::new();
    let made = PREPARED.get_or_init(|| {
        // Inside the shared demo, with which it goes.
        let dir = TempDir::new_in(&hub().dir).expect("a folder");
        let mut spec = DemoSpec::new(END.parse().expect("a day"));
        (spec.people, spec.days) = (250, 40);
        generate(dir.path(), &spec, &|_, _| {}).expect("sources");
        // The same dirt among fewer rows.
        let text = fs::read_to_string(hub().config()).expect("a configuration");
        let text = text.replace("share: 0.1,", "share: 1.0,");
        fs::write(dir.path().join("clinichub.yaml"), text).expect("written");
        nightly(dir.path(), FIRST).passed();
        let key = clinichub(["keys", "create", "--user", "ceo", "--role", "group", "--config"])
            .arg(dir.path().join("clinichub.yaml"))
            .done()
            .passed();
        let key = key.lines().last().expect("a key").to_owned();
        fs::write(dir.path().join("logins"), format!("ceo {key}\nmanager {key}\n")).expect("kept");
        advance(dir.path(), 2).expect("night 2");
        dir
    });
    made.path()
}

pub(crate) fn copied() -> TempDir {
    let copy = TempDir::new().expect("a folder");
    copy_tree(prepared(), copy.path());
    copy
}

pub(crate) fn config(dir: &Path) -> PathBuf {
    dir.join("clinichub.yaml")
}

fn nightly(dir: &Path, date: &str) -> crate::support::Done {
    clinichub(["nightly", "--date", date, "--config"]).arg(config(dir)).done()
}

/// What the newest snapshot of `dir` answers, and its number.
fn published(dir: &Path) -> (String, Content) {
    let (id, content) = shown(&config(dir));
    (id.to_string(), content)
}

/// Night 2 without interruption: its content and how long it took.
fn uninterrupted() -> &'static (Content, Duration) {
    static DONE: OnceLock<(Content, Duration)> = OnceLock::new();
    DONE.get_or_init(|| {
        let dir = copied();
        let started = Instant::now();
        nightly(dir.path(), SECOND).passed();
        let took = started.elapsed();
        let (id, content) = published(dir.path());
        assert_eq!(id, "2");
        (content, took)
    })
}

#[test]
fn a_killed_night_run_again_publishes_the_same() {
    let mut chance = Chance::new("killed nights of the demo");
    let (wanted, took) = uninterrupted();
    let (rounds, mut killed) = (KILLS.now(), 0);
    for round in 0..rounds {
        let dir = copied();
        let mut child = start([
            "nightly".as_ref(),
            "--date".as_ref(),
            SECOND.as_ref(),
            "--config".as_ref(),
            config(dir.path()).as_os_str(),
        ]);
        let moment = took.mul_f64(chance.share());
        std::thread::sleep(moment);
        let running = child.try_wait().expect("a status").is_none();
        killed += u64::from(running);
        child.kill().expect("killed");
        child.wait().expect("gone");
        nightly(dir.path(), SECOND).passed();
        let (_, found) = published(dir.path());
        same(&found, wanted, &format!("{chance} round {round} killed after {moment:?}"));
    }
    assert!(killed > 0, "every night had ended before its kill");
    chance
        .told(&format!("{killed} of {rounds} nights killed: 0 lost, 0 doubled, 0 partly visible"));
}

#[test]
fn a_night_run_again_publishes_the_same() {
    let dir = copied();
    nightly(dir.path(), SECOND).passed();
    nightly(dir.path(), SECOND).passed();
    let (id, found) = published(dir.path());
    assert!(id == "2" || id == "3", "{id}");
    same(&found, &uninterrupted().0, "again");
}

/// Snapshot numbers of both boards, and a number only one of the nights has.
const READ: &str = "{ snapshot { id } a: board(id: \"group_ceo\") { freshness { snapshotId } } \
     b: board(id: \"site_manager\") { freshness { snapshotId } tiles { value } } \
     metrics(input: { metrics: [\"arrivals\"], range: { from: \"2026-09-01\", \
     to: \"2026-10-31\" } }) { totals { value } freshness { snapshotId } } }";

#[test]
fn readers_see_whole_snapshots_while_a_night_runs() {
    let dir = copied();
    let served = Served::start(&config(dir.path()), None);
    let (key, _) = logins(dir.path());
    let mut child = start([
        "nightly".as_ref(),
        "--date".as_ref(),
        SECOND.as_ref(),
        "--config".as_ref(),
        config(dir.path()).as_os_str(),
    ]);
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let mut order = Vec::new();
    let mut last = None;
    while last.is_none() || order.last().is_some_and(|id| id == "1") {
        if last.is_some_and(|ended: Instant| ended.elapsed() > Duration::from_secs(30)) {
            break;
        }
        let answer = served.graphql(&key, READ);
        let id = answer["snapshot"]["id"].as_str().expect("an id").to_owned();
        for freshness in [&answer["a"], &answer["b"], &answer["metrics"]] {
            assert_eq!(freshness["freshness"]["snapshotId"], id.as_str());
        }
        let known = seen.entry(id.clone()).or_insert_with(|| answer.clone());
        assert_eq!(*known, answer, "one snapshot, two answers");
        order.push(id);
        if last.is_none() && child.try_wait().expect("a status").is_some() {
            last = Some(Instant::now());
        }
    }
    assert!(child.wait().expect("a status").success());
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["1", "2"]);
    assert_ne!(seen["1"]["metrics"]["totals"], seen["2"]["metrics"]["totals"]);
}

#[test]
fn a_refused_night_leaves_the_night_before() {
    for plant in [
        "delete from t_jz",
        // Visits of patients nobody knows, at sites nobody knows.
        "update t_jz set jgid = 999999",
    ] {
        let dir = copied();
        let before = published(dir.path());
        let his = Connection::open(dir.path().join("sources/his.db")).expect("opened");
        his.execute(plant, []).expect("planted");
        drop(his);
        let run = clinichub(["nightly", "--full", "--date", SECOND, "--config"])
            .arg(config(dir.path()))
            .done();
        run.exited(3);
        assert!(run.out().contains("refused"), "{}", run.out());
        let after = published(dir.path());
        assert_eq!(after.0, "1", "{plant}");
        same(&after.1, &before.1, plant);
        let runs = clinichub(["runs", "list", "--config"]).arg(config(dir.path())).done().passed();
        assert!(runs.contains("refused"), "{runs}");
    }
}

#[test]
fn a_dry_run_publishes_nothing_and_a_rollback_goes_back() {
    let dir = copied();
    let call = |words: &[&str]| clinichub(words).arg("--config").arg(config(dir.path())).done();
    let (_, before) = published(dir.path());
    call(&["nightly", "--dry-run", "--date", SECOND]).passed();
    let (id, found) = published(dir.path());
    assert_eq!(id, "1");
    same(&found, &before, "dry run");
    call(&["nightly", "--date", SECOND]).passed();
    call(&["snapshot", "rollback", "1"]).passed();
    let (id, found) = published(dir.path());
    assert_eq!(id, "3");
    same(&found, &before, "rollback");
    let listed = call(&["snapshot", "list"]).passed();
    assert_eq!(listed.lines().count(), 4, "{listed}");
}

#[test]
fn a_backfill_says_what_it_needs_and_moves_no_date() {
    let dir = copied();
    let call = |words: &[&str]| {
        let call = clinichub(["backfill", "--config"]).arg(config(dir.path()));
        words.iter().fold(call, |call, word| call.arg(word)).done()
    };
    let days = ["--from", "2026-09-06", "--to", "2026-09-05"];
    for (words, told) in [
        (&days[..], "no day to read"),
        (&["--from", "2026-09-05", "--to", "2026-09-06", "--table", "his.t_tcmx"], "range"),
        (&["--from", "2026-09-05", "--to", "2026-09-06", "--table", "his.none"], "no table"),
        (&["--from", "2026-09-05", "--to", "2026-09-06", "--source", "none"], "no source"),
    ] {
        let done = call(words);
        done.exited(2);
        assert!(done.err().contains(told), "{}", done.err());
    }
    let before = published(dir.path());
    // Nothing changed in these days since night 1, so there is nothing to publish.
    let days = ["--from", "2026-09-05", "--to", "2026-09-06", "--table", "his.t_jz"];
    let told = call(&days).passed();
    assert!(told.starts_with(&format!("{FIRST} published snapshot 1")), "{told}");
    let after = published(dir.path());
    assert_eq!(after.0, before.0);
    same(&after.1, &before.1, "backfill");
}
