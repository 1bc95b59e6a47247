//! Upkeep over real tables: what is kept reads on, what is not leaves, and never too early.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use hub_domain::clock::Clock;
use hub_domain::snapshot::Snapshot;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::upkeep::{Parts, Retention, UpkeepReport, UpkeepRequest};
use crate::{Contracts, LakeError};

/// A clock that is set by hand.
#[derive(Debug, Clone)]
struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("clock")
    }
}

impl Hand {
    fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().expect("clock") = at;
    }

    fn pass(&self, time: TimeDelta) {
        let now = self.now();
        self.set(now + time);
    }
}

struct World {
    lake: Lake,
    clock: Hand,
    folder: TempDir,
    contracts: Contracts,
}

const DAY: TimeDelta = TimeDelta::days(1);

impl World {
    fn new() -> Self {
        let folder = TempDir::new().expect("temporary folder");
        // Files are stamped by the real clock; hours that pass by hand lie after it.
        let clock = Hand(Arc::new(Mutex::new(now_on_disk(&folder))));
        let url = format!("file://{}/lake", folder.path().display());
        let lake = Lake::open_with_clock(&url, &BTreeMap::new(), Arc::new(clock.clone()));
        Self { lake: lake.expect("lake opens"), clock, folder, contracts: Contracts::default() }
    }

    /// A night: the table of raw rows grows, `visit` is made anew, both are published.
    async fn night(&self, night: i64) -> Snapshot {
        let id = format!("v{night}");
        let row = [(id.as_str(), "2024-05", night)];
        let rows = || stream(vec![visits(&row)], schema());
        let mut spec = spec(WriteMode::Append, "load", night);
        spec.partition_by = None;
        spec = spec.with_metadata("clinichub.load", format!("night {night}"));
        let raw = self.lake.table(&landed()).write(spec, rows()).await.expect("landed");
        let built = super::spec(WriteMode::Overwrite, "build", night);
        let hub = self.lake.table(&visit()).write(built, rows()).await.expect("built");
        let latest = self.lake.latest().await.expect("read");
        let snapshot = Snapshot {
            id: latest.map_or(1, |latest| latest.id + 1),
            business_date: NaiveDate::from_ymd_opt(2026, 10, 1).expect("a day"),
            published_at: self.clock.now(),
            run_id: "run".into(),
            tables: [(landed().key(), raw.version), (visit().key(), hub.version)].into(),
            definition_hash: String::new(),
            audits: Vec::new(),
            rollback_of: None,
            lease_token: 0,
        };
        self.lake.publish(&snapshot).await.expect("published");
        snapshot
    }

    async fn upkeep(&self, parts: Parts, days: i64, dry_run: bool) -> UpkeepReport {
        let retention = Retention { snapshots: TimeDelta::days(days), keep_last: 2 };
        let request = UpkeepRequest {
            parts,
            retention: Some(retention),
            grace: DAY,
            contracts: &self.contracts,
            dry_run,
        };
        let report = self.lake.upkeep(&request).await.expect("kept up");
        assert!(report.failure().is_none(), "{report:?}");
        report
    }

    async fn read(&self, snapshot: &Snapshot, id: &TableId) -> Vec<String> {
        let context = session(&self.lake, id, snapshot.tables[&id.key()]).await;
        answer(&context, "select visit_id, fee_fen from t").await
    }

    fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("lake").join(below)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries {
                let path = entry.expect("entry").path();
                match path.is_dir() {
                    true if path.ends_with("_delta_log") => {}
                    true => folders.push(path),
                    false => found.push(path),
                }
            }
        }
        found.sort();
        found
    }
}

fn landed() -> TableId {
    TableId::raw("his", "t_jz")
}

/// What the file system calls now, a little later.
fn now_on_disk(folder: &TempDir) -> DateTime<Utc> {
    let probe = folder.path().join("now");
    std::fs::write(&probe, b"").expect("written");
    let at = std::fs::metadata(&probe).and_then(|meta| meta.modified()).expect("a time");
    DateTime::<Utc>::from(at) + TimeDelta::minutes(5)
}

const COMPACT: Parts = Parts { compact: true, vacuum: false, orphans: false };
const VACUUM: Parts = Parts { compact: false, vacuum: true, orphans: false };
const ORPHANS: Parts = Parts { compact: false, vacuum: false, orphans: true };

#[tokio::test]
async fn small_files_are_joined_and_the_content_stays_the_same_version() {
    let world = World::new();
    for night in 1..=9 {
        world.night(night).await;
    }
    let table = world.lake.table(&landed());
    let before = world.lake.latest().await.expect("read").expect("published");
    assert_eq!(world.upkeep(COMPACT, 30, true).await.tables.len(), 2);
    assert_eq!(table.version().await.expect("read"), Some(8), "a dry run commits nothing");

    let report = world.upkeep(COMPACT, 30, false).await;
    let done = report.tables.iter().find(|t| t.table == landed().key()).expect("told");
    let done = done.compacted.expect("compacted");
    assert_eq!((done.files_before, done.files_after, done.version), (9, 1, Some(9)));
    assert_eq!(table.content_version(9).await.expect("read"), 8, "the same content");
    let kept = table.commit_metadata(9).await.expect("read");
    assert!(!kept.contains_key("clinichub.load"), "nothing was loaded: {kept:?}");
    assert_eq!(table.known_txn("load").await.expect("read"), Some(9), "nights stay known");

    let context = session(&world.lake, &landed(), 9).await;
    let joined = answer(&context, "select visit_id, fee_fen from t").await;
    assert_eq!(joined, world.read(&before, &landed()).await);
    assert_eq!(joined.len(), 9);
    let log = std::fs::read_to_string(
        world.folder.path().join("lake/raw/his.t_jz/_delta_log/00000000000000000009.json"),
    );
    let log = log.expect("the commit");
    assert!(log.contains("\"dataChange\":false") && !log.contains("\"dataChange\":true"), "{log}");

    let again = world.upkeep(COMPACT, 30, false).await;
    assert!(again.tables.iter().all(|table| table.compacted.is_none()), "{again:?}");
    assert_eq!(table.version().await.expect("read"), Some(9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_and_nights_at_once_lose_nothing() {
    let world = World::new();
    for night in 1..=8 {
        world.night(night).await;
    }
    let rival = async {
        for night in 9..=20 {
            let id = format!("v{night}");
            let row = [(id.as_str(), "2024-05", night)];
            let mut spec = spec(WriteMode::Append, "load", night);
            spec.partition_by = None;
            let rows = stream(vec![visits(&row)], schema());
            world.lake.table(&landed()).write(spec, rows).await.expect("landed");
        }
    };
    let compaction = async {
        for _ in 0..6 {
            let done = world.lake.compact(&landed(), &world.contracts, false).await;
            done.expect("compacted or left alone");
        }
    };
    tokio::join!(rival, compaction);
    let newest = world.lake.table(&landed()).version().await.expect("read").expect("exists");
    let context = session(&world.lake, &landed(), newest).await;
    let found = answer(&context, "select fee_fen from t").await;
    assert_eq!(found.len(), 20, "{found:?}");
}

#[tokio::test]
async fn what_expired_is_told_and_what_is_kept_reads_on() {
    let world = World::new();
    let mut nights = Vec::new();
    for night in 1..=6 {
        nights.push(world.night(night).await);
        world.clock.pass(DAY);
    }
    // A reader that opened the oldest snapshot before it expires.
    let reader = session(&world.lake, &visit(), nights[0].tables["visit"]).await;
    let report = world.upkeep(VACUUM, 3, true).await;
    assert_eq!(report.expired, [1, 2, 3, 4], "dry: {report:?}");
    assert_eq!(world.lake.snapshot_ids().await.expect("ids"), [1, 2, 3, 4, 5, 6]);

    let report = world.upkeep(VACUUM, 3, false).await;
    assert_eq!(report.expired, [1, 2, 3, 4]);
    assert_eq!(world.files("hub/visit").len(), 6, "within the grace nothing leaves");
    assert_eq!(answer(&reader, "select visit_id from t").await, ["v1"], "a running reader");
    let refused = world.lake.snapshot(2).await;
    assert!(matches!(refused, Err(LakeError::SnapshotExpired { id: 2, oldest: 5 })), "{refused:?}");
    let early = world.lake.snapshot_as_of(nights[0].published_at).await;
    assert!(matches!(early, Err(LakeError::SnapshotExpired { .. })), "{early:?}");
    let never = world.lake.snapshot(9).await;
    assert!(matches!(never, Err(LakeError::NoSnapshot { id: 9 })), "{never:?}");

    world.clock.pass(TimeDelta::hours(23));
    world.upkeep(VACUUM, 30, false).await;
    assert_eq!(world.files("hub/visit").len(), 6);
    world.clock.pass(TimeDelta::hours(1));
    let report = world.upkeep(VACUUM, 30, false).await;
    assert!(report.bytes_freed() > 0);
    assert_eq!(world.files("hub/visit").len(), 2, "two kept snapshots, two versions");
    assert_eq!(world.files("raw").len(), 6, "the landed rows of every night are still current");
    for snapshot in &nights[4..] {
        let own = format!("v{0},{0}", snapshot.id);
        assert_eq!(world.read(snapshot, &visit()).await, [own]);
        assert_eq!(world.read(snapshot, &landed()).await.len() as u64, snapshot.id);
    }
    let next = world.night(7).await;
    assert_eq!(next.id, 7, "numbers go on");
}

#[tokio::test]
async fn compacted_files_stay_as_long_as_a_snapshot_names_them() {
    let world = World::new();
    for night in 1..=8 {
        world.night(night).await;
    }
    world.clock.pass(DAY);
    world.upkeep(Parts::ALL, 30, false).await;
    let before = world.night(9).await;
    world.clock.pass(DAY * 2);
    world.night(10).await;
    let parts = Parts { compact: false, ..Parts::ALL };
    world.upkeep(parts, 1, false).await;
    world.clock.pass(DAY * 2);
    world.upkeep(parts, 1, false).await;
    assert_eq!(world.lake.snapshot_ids().await.expect("ids"), [9, 10]);
    assert_eq!(world.files("raw").len(), 3, "one joined file and two nights");
    assert_eq!(world.read(&before, &landed()).await.len(), 9);
}

/// `CLINICHUB_SEED` replays one.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "tests take their seed from the environment")]
async fn after_many_kills_only_referenced_files_remain() {
    let seed = std::env::var("CLINICHUB_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(20_261_122_u64);
    eprintln!("CLINICHUB_SEED={seed}");
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let world = World::new();
    for night in 1..=3 {
        world.night(night).await;
    }
    let named = [world.files("hub"), world.files("raw")].concat();
    for kill in 0..200 {
        let folder = ["hub/visit/month=2024-05", "hub/visit", "raw/his.t_jz", "raw/crm.lead"];
        let folder = folder[dice.random_range(0..folder.len())];
        let folder = world.folder.path().join("lake").join(folder);
        std::fs::create_dir_all(&folder).expect("folder");
        let staged = if dice.random_bool(0.3) { "#1" } else { "" };
        let path = folder.join(format!("part-00000-kill{kill}.zstd.parquet{staged}"));
        std::fs::write(path, vec![7_u8; dice.random_range(0..4_096)]).expect("left behind");
    }
    world.upkeep(ORPHANS, 30, false).await;
    let young = [world.files("hub"), world.files("raw")].concat();
    assert_eq!(young.len(), named.len() + 200, "a running writer's files are young");
    world.clock.pass(DAY);
    let report = world.upkeep(ORPHANS, 30, false).await;
    let orphans: usize = report.tables.iter().filter_map(|t| t.swept).map(|s| s.orphans).sum();
    assert_eq!(orphans as u64 + report.leftovers, 200, "{report:?}");
    assert_eq!([world.files("hub"), world.files("raw")].concat(), named);
    let newest = world.lake.latest().await.expect("read").expect("published");
    assert_eq!(world.read(&newest, &landed()).await.len(), 3);
}
