//! A person is erased: out of every table and version, and not back with the next night.

use std::path::Path;

use super::*;
use crate::erase::{EraseReport, EraseRequest};

/// Records c1, c2 and c3 are one person; c4 is another.
async fn person_of(bench: &Bench, record: &str) -> String {
    let lines = bench.shown("person_link").await;
    let line = lines.iter().find(|line| line.contains(record)).expect("a link");
    line.split_whitespace().find(|word| word.starts_with("p_")).expect("a person").to_owned()
}

fn all_of(person: &str, at_once: bool) -> EraseRequest {
    EraseRequest { person: Some(person.to_owned()), at_once, ..EraseRequest::default() }
}

async fn erase(bench: &Bench, log: &Arc<Memory>, request: &EraseRequest) -> EraseReport {
    bench.nightly(Arc::clone(log)).erase(request, &Unwatched).await.expect("erased")
}

async fn night(bench: &Bench, log: &Arc<Memory>, number: u32, full: bool) -> Run {
    let asked = NightlyRequest { full, accept_loss: true, ..request(number) };
    bench.nightly(Arc::clone(log)).run(&asked, &Unwatched).await
}

/// Text of every file of the lake that is no Parquet file.
fn written(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&written(&path));
        } else if path.extension().is_none_or(|extension| extension != "parquet") {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).expect("readable")));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_leaves_every_table_and_version_and_does_not_come_back() {
    let bench = Bench::new();
    let log = Arc::new(Memory::default());
    night(&bench, &log, 2, false).await;
    bench.source("visit", &format!("{VISITS}v5,c4,2026-03-03,7.00\n"));
    night(&bench, &log, 3, false).await;
    let person = person_of(&bench, "crm:c1").await;
    let lake = bench.folder.path().join("lake");
    assert!(written(&lake).contains("crm:c1"), "bounds in the log name records");

    let dry = EraseRequest { dry_run: true, ..all_of(&person, true) };
    let report = erase(&bench, &log, &dry).await;
    let rows: Vec<(&str, u64)> =
        report.tables.iter().map(|(name, removed)| (name.as_str(), removed.rows)).collect();
    assert_eq!(rows, [("raw/crm.customer", 3), ("raw/crm.visit", 3)]);
    assert_eq!(bench.shown("visit").await.iter().filter(|l| l.contains(&person)).count(), 3);
    assert!(log.suppressed().await.expect("read").is_empty(), "a dry run keeps nothing");

    let report = erase(&bench, &log, &all_of(&person, true)).await;
    assert_eq!((report.records, report.snapshot), (3, Some(3)));
    assert_eq!(report.expired, [1, 2]);
    let proof = report.proof.expect("a proof");
    assert_eq!((proof.found, proof.older, proof.waiting), (0, 0, 0), "{proof:?}");
    assert!(proof.rows > 0 && report.redacted > 0, "{report:?}");
    for table in ["person_record", "person_link", "visit", "spent"] {
        let shown = bench.shown(table).await;
        assert!(!shown.iter().any(|line| line.contains(&person) || line.contains("crm:c1")));
    }
    assert_eq!(bench.shown("visit").await.iter().filter(|l| l.contains("crm:v")).count(), 2);
    let text = written(&lake);
    assert!(!text.contains("crm:c1") && !text.contains(&person), "nothing in logs or snapshots");
    let old = bench.lake().snapshot(1).await;
    assert!(matches!(old, Err(hub_lake::LakeError::SnapshotExpired { .. })), "{old:?}");
    let kept = log.suppressed().await.expect("read");
    assert!(!kept.is_empty() && kept.iter().all(|hash| hash.len() == 64), "only hashes: {kept:?}");

    // The source still has the person, and a new visit of theirs.
    bench.source("visit", &format!("{VISITS}v5,c4,2026-03-03,7.00\nv6,c2,2026-03-04,9.00\n"));
    for (number, full) in [(4, false), (4, true), (5, false)] {
        let run = night(&bench, &log, number, full).await;
        assert_eq!((run.status, &run.error), (RunStatus::Published, &None));
        assert_eq!(run.loads.iter().map(|load| load.rows_read).sum::<u64>(), 3, "as if not there");
        assert_eq!(bench.shown("visit").await.iter().filter(|l| l.contains("crm:v")).count(), 2);
        assert!(!written(&lake).contains("crm:c1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_haste_older_snapshots_leave_with_the_retention() {
    let bench = Bench::new();
    let log = Arc::new(Memory::default());
    night(&bench, &log, 2, false).await;
    let person = person_of(&bench, "crm:c4").await;
    let report = erase(&bench, &log, &all_of(&person, false)).await;
    let proof = report.proof.expect("a proof");
    assert_eq!(proof.found, 0, "{proof:?}");
    assert!(proof.older > 0, "snapshot 1 is kept: {proof:?}");
    assert_eq!(bench.lake().snapshot_ids().await.expect("ids"), [1, 2]);

    let gone = bench.nightly(Arc::clone(&log)).erase(&all_of(&person, true), &Unwatched).await;
    let error = gone.expect_err("nobody of that id");
    assert!(error.to_string().contains("knows no such person"), "{error}");
    let records = BTreeSet::from(["crm:c4".to_owned()]);
    let again = EraseRequest { records, at_once: true, ..EraseRequest::default() };
    let report = erase(&bench, &log, &again).await;
    assert!(report.tables.is_empty(), "raw rows are gone already: {report:?}");
    let proof = report.proof.expect("a proof");
    assert_eq!((proof.found, proof.older, proof.waiting), (0, 0, 0), "{proof:?}");
    assert_eq!(bench.lake().snapshot_ids().await.expect("ids"), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_changes_hands_comes_back() {
    let bench = Bench::new();
    let log = Arc::new(Memory::default());
    night(&bench, &log, 2, false).await;
    let person = person_of(&bench, "crm:c1").await;
    erase(&bench, &log, &all_of(&person, true)).await;
    // The clinic finds out that v2 was a visit of c4.
    bench.source("visit", &VISITS.replace("v2,c2", "v2,c4"));
    night(&bench, &log, 3, false).await;
    let shown = bench.shown("visit").await;
    assert!(shown.iter().any(|line| line.contains("crm:v2")), "{shown:?}");
    assert!(!shown.iter().any(|line| line.contains("crm:v1")), "{shown:?}");
}

/// A refused row names nobody but by its key; what was kept of it sealed does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_rows_of_the_person_leave_too() {
    let bench = Bench::new();
    let log = Arc::new(Memory::default());
    let sealer = Some(Arc::new(extract::Sealer::new("a secret of some length", [])));
    let sealing = || Nightly {
        quarantine: Quarantine { sealer: sealer.clone(), max_share: 1.0 },
        ..bench.nightly(Arc::clone(&log))
    };
    let refused = "v7,c1,2026-03-01,much\nv8,c4,2026-03-01,little\n";
    bench.source("visit", &format!("{VISITS}{refused}"));
    let run = sealing().run(&request(2), &Unwatched).await;
    assert_eq!((run.status, &run.error), (RunStatus::Published, &None));
    let person = person_of(&bench, "crm:c1").await;
    let report = sealing().erase(&all_of(&person, true), &Unwatched).await.expect("erased");
    let visits = report.tables.iter().find(|(name, _)| name == "raw/crm.visit").expect("visits");
    assert_eq!(visits.1.rows, 4, "three visits and the refused one, not that of c4");
    let proof = report.proof.expect("a proof");
    assert_eq!((proof.found, proof.older, proof.waiting), (0, 0, 0), "{proof:?}");
    // The refused row of c1 is not even refused again.
    let run = sealing().run(&request(3), &Unwatched).await;
    assert_eq!(run.loads.iter().map(|load| load.rows_rejected()).sum::<u64>(), 1);
}
