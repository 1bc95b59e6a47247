//! A small night over a store where any one operation goes wrong, then the same night again.

mod damage;
mod http;
mod polls;
mod probe;
mod sweep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use futures::TryStreamExt;
use hub_domain::clock::SystemClock;
use hub_domain::snapshot::Snapshot;
use hub_faults::FaultStore;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::Value;

use super::*;
use crate::{LakeError, Retries, WriteOutcome};

/// Tables of the night: a landed one that grows, a mart that is replaced, one replaced by month.
pub(super) const TABLES: [&str; 3] = ["raw/his.visit", "visit", "spent"];

/// A store that fails as told, and lakes over it.
pub(super) struct Bench {
    pub(super) store: Arc<FaultStore>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { store: FaultStore::new(Arc::new(InMemory::new())) }
    }

    /// A process's view of the lake: nothing is remembered from the one before.
    pub(super) fn lake(&self) -> Lake {
        let retries = Retries {
            attempts: 4,
            pause: Duration::from_millis(1),
            patience: Duration::from_millis(150),
        };
        let store = Arc::clone(&self.store) as Arc<dyn ObjectStore>;
        Lake::over("memory:///lake", store, retries, Arc::new(SystemClock)).expect("a lake")
    }

    /// The night, by a process of its own.
    pub(super) async fn night(&self) -> Result<Snapshot, LakeError> {
        let lake = self.lake();
        let mut tables = BTreeMap::new();
        let grow = [[("v1", "2024-05", 100)], [("v2", "2024-06", 200)]];
        for (number, rows) in grow.into_iter().enumerate() {
            let version = i64::try_from(number).expect("small");
            let done = put(&lake, TABLES[0], WriteMode::Append, version, &rows).await?;
            tables.insert(TABLES[0].to_owned(), done.version);
        }
        let both = [("v1", "2024-05", 100), ("v2", "2024-06", 200)];
        let done = put(&lake, TABLES[1], WriteMode::Overwrite, 0, &both).await?;
        tables.insert(TABLES[1].to_owned(), done.version);
        put(&lake, TABLES[2], WriteMode::Append, 0, &both).await?;
        let june = WriteMode::ReplaceMonths(vec!["2024-06".into()]);
        let done = put(&lake, TABLES[2], june, 1, &[("v9", "2024-06", 9)]).await?;
        tables.insert(TABLES[2].to_owned(), done.version);
        let snapshot = snapshot(tables);
        lake.publish(&snapshot).await?;
        Ok(snapshot)
    }

    /// Everything readers see: tables of the newest snapshot, row by row.
    pub(super) async fn seen(&self) -> Option<BTreeMap<String, Vec<String>>> {
        let lake = self.lake();
        let snapshot = lake.latest().await.expect("readable")?;
        let mut seen = BTreeMap::new();
        for (key, version) in &snapshot.tables {
            let context = session(&lake, &TableId::parse(key), *version).await;
            seen.insert(key.clone(), answer(&context, "select * from t").await);
        }
        Some(seen)
    }

    /// Commits that carry each transaction.
    pub(super) async fn commits(&self) -> BTreeMap<String, u32> {
        let listed: Vec<_> = self.store.list(None).try_collect().await.expect("listed");
        let mut found = BTreeMap::new();
        for meta in listed.iter().filter(|meta| meta.location.as_ref().ends_with(".json")) {
            let bytes = self.store.get(&meta.location).await.expect("there");
            let bytes = bytes.bytes().await.expect("read");
            let actions = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
            for action in actions.map(|action| action.expect("a whole commit")) {
                if let Some(txn) = action.get("txn") {
                    let (app, version) = (&txn["appId"], &txn["version"]);
                    *found.entry(format!("{app} {version}")).or_default() += 1;
                }
            }
        }
        found
    }
}

pub(super) async fn put(
    lake: &Lake,
    table: &str,
    mode: WriteMode,
    version: i64,
    rows: &[(&str, &str, i64)],
) -> Result<WriteOutcome, LakeError> {
    let spec = spec(mode, &format!("night:{table}"), version);
    lake.table(&TableId::parse(table)).write(spec, stream(vec![visits(rows)], schema())).await
}

fn snapshot(tables: BTreeMap<String, u64>) -> Snapshot {
    Snapshot {
        id: 1,
        business_date: NaiveDate::from_ymd_opt(2024, 6, 1).expect("a day"),
        published_at: "2024-06-02T02:30:00Z".parse().expect("an instant"),
        run_id: "run".to_owned(),
        tables,
        definition_hash: "abc".into(),
        audits: Vec::new(),
        rollback_of: None,
        lease_token: 0,
    }
}

/// Whether there is time: `CLINICHUB_LONG=1`.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
pub(super) fn long() -> bool {
    std::env::var("CLINICHUB_LONG").is_ok_and(|value| value == "1")
}

/// Tells how a test ended; `tests/run` collects such lines in the file that `CLINICHUB_SUMMARY`
/// names.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
pub(super) fn told(line: &str) {
    use std::io::Write as _;
    eprintln!("{line}");
    let Ok(path) = std::env::var("CLINICHUB_SUMMARY") else { return };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    writeln!(file.expect("the summary"), "{line}").expect("written");
}
