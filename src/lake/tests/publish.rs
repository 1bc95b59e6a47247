//! Publishing: one winner, exact history.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use hub_domain::snapshot::{Snapshot, SnapshotPick};

use super::*;
use crate::LakeError;

fn snapshot(id: u64, run: &str) -> Snapshot {
    let day = NaiveDate::from_ymd_opt(2024, 5, 1).expect("a day");
    let start: DateTime<Utc> = "2024-05-02T02:30:00Z".parse().expect("an instant");
    Snapshot {
        id,
        business_date: day,
        published_at: start + TimeDelta::days(i64::try_from(id).expect("small")),
        run_id: run.to_owned(),
        tables: [("visit".to_owned(), id), ("raw/his.t_jz".to_owned(), 0)].into(),
        definition_hash: "abc".into(),
        audits: Vec::new(),
        rollback_of: None,
        lease_token: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_has_one_winner() {
    let home = lake();
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..6 {
        let lake = reopen(&home.folder);
        racers.spawn(async move { lake.publish(&snapshot(1, &format!("run-{racer}"))).await });
    }
    let results = racers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let lost =
        |result: &&Result<(), LakeError>| matches!(result, Err(LakeError::PublishTaken { id: 1 }));
    assert_eq!(results.iter().filter(lost).count(), 5);
}

#[tokio::test]
async fn snapshots_are_listed_and_picked() {
    let home = lake();
    assert_eq!(home.lake.latest().await.expect("read"), None);
    for id in 1..=11 {
        home.lake.publish(&snapshot(id, "run")).await.expect("published");
    }
    home.lake.publish(&snapshot(11, "run")).await.expect("the same again is fine");
    let other = reopen(&home.folder);
    assert_eq!(other.snapshot_ids().await.expect("listed"), (1..=11).collect::<Vec<_>>());
    assert_eq!(other.latest().await.expect("read"), Some(snapshot(11, "run")));
    assert_eq!(other.snapshots().await.expect("read").len(), 11);
    let noon = snapshot(4, "run").published_at + TimeDelta::hours(1);
    let at = |pick| other.pick(pick);
    let id = |found: Option<Snapshot>| found.map(|snapshot| snapshot.id);
    assert_eq!(id(at(SnapshotPick::AsOf(noon)).await.expect("read")), Some(4));
    assert_eq!(id(at(SnapshotPick::Id(9)).await.expect("read")), Some(9));
    assert_eq!(id(at(SnapshotPick::Id(12)).await.expect("read")), None);
    let before = noon - TimeDelta::days(400);
    assert_eq!(id(at(SnapshotPick::AsOf(before)).await.expect("read")), None);
}

#[tokio::test]
async fn the_store_proves_that_it_creates_once() {
    let home = lake();
    home.lake.probe().await.expect("local folders refuse to create twice");
    home.lake.probe().await.expect("and the proof can be repeated");
}

#[test]
fn addresses_are_checked() {
    for (url, reason) in [
        ("ftp://host/x", "use file://"),
        ("lake", "relative URL"),
        ("file://./lake", "absolute local path"),
    ] {
        let refused = Lake::open(url, &BTreeMap::new()).expect_err("refused").to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}
