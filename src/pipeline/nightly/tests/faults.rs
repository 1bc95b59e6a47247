//! Whole nights over a store where one operation goes wrong, from a SQLite source to the
//! published snapshot, then the same night again.

use std::time::Duration;

use futures::TryStreamExt;
use hub_faults::{Fault, FaultStore, Kind};
use hub_lake::Retries;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::*;

/// Seeds of a run of the suite, and of a long one.
const SEEDS: (u64, u64) = (16, 300);
/// No faulty night and its rerun take longer.
const LONGEST: Duration = Duration::from_secs(20);
const HUB: [&str; 4] = ["person_record", "person_link", "visit", "spent"];

/// A project over a SQLite source and a store that fails as told.
struct Faulty {
    bench: Bench,
    store: Arc<FaultStore>,
}

type Seen = BTreeMap<String, Vec<String>>;

impl Faulty {
    fn new() -> Self {
        let bench = Bench::new();
        let file = bench.folder.path().join("crm.db");
        let source = rusqlite::Connection::open(file).expect("a database");
        let tables = "create table customer (id text, name text, card text, mrn text);
             create table visit (id text, customer text, \"on\" text, fee text);";
        source.execute_batch(tables).expect("tables");
        for (table, text) in [("customer", CUSTOMERS), ("visit", VISITS)] {
            for line in text.lines().skip(1) {
                let cells: Vec<Option<&str>> =
                    line.split(',').map(|cell| (!cell.is_empty()).then_some(cell)).collect();
                let insert = format!("insert into {table} values (?1, ?2, ?3, ?4)");
                source.execute(&insert, rusqlite::params_from_iter(cells)).expect("a row");
            }
        }
        Self { bench, store: FaultStore::new(Arc::new(InMemory::new())) }
    }

    /// A process's view of the lake.
    fn lake(&self) -> Lake {
        let retries = Retries {
            attempts: 4,
            pause: Duration::from_millis(1),
            patience: Duration::from_millis(400),
        };
        let store = Arc::clone(&self.store) as Arc<dyn ObjectStore>;
        let now = DateTime::from_timestamp(1_772_400_000, 0).expect("an instant");
        Lake::over("memory:///lake", store, retries, Arc::new(FixedClock(now))).expect("a lake")
    }

    /// The night, by a process of its own.
    async fn night(&self) -> Run {
        let mut nightly = self.bench.nightly(Arc::default());
        let file = self.bench.folder.path().join("crm.db");
        let section = format!("{{ kind: sqlite, path: {} }}", file.display());
        let config = serde_saphyr::from_str(&section).expect("a section");
        nightly.sources = BTreeMap::from([("crm".to_owned(), config)]);
        nightly.lake = self.lake();
        nightly.run(&request(2), &Unwatched).await
    }

    /// What readers see: hub tables row by row, raw tables by their number of rows.
    async fn seen(&self) -> Option<Seen> {
        let lake = self.lake();
        let snapshot = lake.latest().await.expect("readable")?;
        let mut seen = Seen::new();
        for (key, version) in &snapshot.tables {
            let id = TableId::parse(key);
            let table = lake.lake_table(&id, *version).await.expect("readable");
            let rows = match HUB.contains(&key.as_str()) {
                true => lines(table).await,
                false => vec![format!("{:?} rows", table.row_count())],
            };
            seen.insert(key.clone(), rows);
        }
        Some(seen)
    }

    /// Commits of every table.
    async fn commits(&self) -> BTreeMap<String, usize> {
        let listed: Vec<_> = self.store.list(None).try_collect().await.expect("listed");
        let mut found = BTreeMap::new();
        for path in listed.iter().map(|meta| meta.location.as_ref()) {
            if let Some((table, name)) = path.split_once("/_delta_log/")
                && name.ends_with(".json")
            {
                *found.entry(table.to_owned()).or_default() += 1;
            }
        }
        found
    }
}

async fn lines(table: Arc<hub_lake::LakeTable>) -> Vec<String> {
    let context = SessionContext::new();
    context.register_table("t", table).expect("registered");
    let batches = context.table("t").await.expect("a table").collect().await.expect("rows");
    let text = arrow::util::pretty::pretty_format_batches(&batches).expect("text").to_string();
    let mut lines: Vec<String> = text.lines().skip(3).map(ToOwned::to_owned).collect();
    lines.sort();
    lines
}

struct Truth {
    seen: Seen,
    commits: BTreeMap<String, usize>,
    operations: u64,
}

async fn truth() -> Truth {
    let faulty = Faulty::new();
    let run = faulty.night().await;
    assert_eq!(run.status, RunStatus::Published, "{run:?}");
    let operations = faulty.store.operations();
    let seen = faulty.seen().await.expect("published");
    assert!(seen["visit"].len() > 4 && seen.len() == 6, "{seen:?}");
    let commits = faulty.commits().await;
    assert!(commits.values().all(|count| *count == 1), "{commits:?}");
    Truth { seen, commits, operations }
}

async fn survives(truth: &Truth, fault: Fault, what: &str) {
    let faulty = Faulty::new();
    faulty.store.arm(Some(fault));
    let first = faulty.night().await;
    faulty.store.arm(None);
    match faulty.seen().await {
        Some(seen) => assert_eq!(seen, truth.seen, "{what}: part of a night is visible"),
        None => assert_eq!(first.status, RunStatus::Failed, "{what}"),
    }
    if first.status != RunStatus::Published {
        let error = first.error.as_deref().unwrap_or_default();
        assert!(!error.is_empty(), "{what}: it failed without a word");
        let alone = !fault.lasting && fault.kind != Kind::TornList;
        assert!(!alone, "{what}: one fault ended the night: {error}");
    }
    let again = faulty.night().await;
    assert_eq!(again.status, RunStatus::Published, "{what}: the rerun: {:?}", again.error);
    assert_eq!(faulty.seen().await.as_ref(), Some(&truth.seen), "{what}: after the rerun");
    assert_eq!(faulty.commits().await, truth.commits, "{what}: not one commit each");
    let snapshots = faulty.lake().snapshot_ids().await.expect("listed");
    assert_eq!(snapshots, [1], "{what}: not exactly one snapshot");
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_survives_seeded_faults_of_its_store() {
    let truth = truth().await;
    let told = std::env::var("CLINICHUB_FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
    let long = std::env::var("CLINICHUB_LONG").is_ok_and(|value| value == "1");
    let first: u64 = told.unwrap_or_else(|| u64::from(std::process::id()) * 1_000);
    let count = match (told, long) {
        (Some(_), _) => 1,
        (None, true) => SEEDS.1,
        (None, false) => SEEDS.0,
    };
    let started = std::time::Instant::now();
    for seed in first..first + count {
        let fault = Fault::seeded(seed, truth.operations);
        let what = format!("CLINICHUB_FAULT_SEED={seed} {fault:?}");
        let ended = tokio::time::timeout(LONGEST, survives(&truth, fault, &what)).await;
        assert!(ended.is_ok(), "{what}: the night hangs");
    }
    summed_up(&format!(
        "seeded faults of a store under a night: {count} from CLINICHUB_FAULT_SEED={first}, {} \
         operations, {:.0} s: 0 lost, 0 doubled, 0 partly visible",
        truth.operations,
        started.elapsed().as_secs_f64()
    ));
}

/// `tests/run` collects such lines in the file that `CLINICHUB_SUMMARY` names.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn summed_up(line: &str) {
    use std::io::Write as _;
    eprintln!("{line}");
    let Ok(path) = std::env::var("CLINICHUB_SUMMARY") else { return };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    writeln!(file.expect("the summary"), "{line}").expect("written");
}

/// Every operation; long.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_survives_a_store_that_is_gone_from_any_operation_on() {
    let truth = truth().await;
    let long = std::env::var("CLINICHUB_LONG").is_ok_and(|value| value == "1");
    let step = if long { 1 } else { truth.operations / 8 + 1 };
    let step = usize::try_from(step).expect("small");
    for kind in [Kind::Before, Kind::After] {
        for at in (1..=truth.operations).step_by(step) {
            let fault = Fault { at, kind, lasting: true };
            survives(&truth, fault, &format!("{fault:?}")).await;
        }
    }
}
