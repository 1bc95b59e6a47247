//! Whole nights over a small project: a CSV source, staging, identity, a mart.

mod audits;
mod backfills;
mod erase;
mod faults;
mod identity;
mod nights;
mod quarantine;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate};
use datafusion::prelude::SessionContext;
use hub_domain::annotation::Annotations;
use hub_domain::clock::FixedClock;
use hub_domain::project::ProjectFiles;
use hub_domain::run::{Run, RunStatus};
use hub_domain::snapshot::Snapshot;
use hub_engine::{EngineConfig, Registry};
use hub_lake::{Contracts, Lake, TableId};
use tempfile::TempDir;

use super::*;
use crate::extract::{AlwaysOn, Unwatched};

const SOURCE: &str = "\
source: crm
tables:
  customer: { key: [id], columns: { id: text, name: 'text?', card: 'text?', mrn: 'text?' } }
  visit: { key: [id], columns: { id: text, customer: text, on: date, fee: 'decimal(12,2)' } }
subjects: { customer: [id], visit: [customer -> customer] }
";
const RECORD: &str = "\
table: person_record
grain: one customer
key: [record_id]
policy: group
columns:
  - { name: record_id, type: text }
  - { name: name, type: text, nullable: true }
  - { name: key_card, type: text, nullable: true }
  - { name: key_mrn, type: text, nullable: true }
";
const LINK: &str = "\
table: person_link
grain: one record
key: [record_id]
policy: group
columns:
  - { name: record_id, type: text }
  - { name: person_id, type: text }
foreign_keys:
  - { columns: [record_id], table: person_record }
";
const VISIT: &str = "\
table: visit
grain: one visit
key: [visit_id]
partition_by: month
sort: [person_id]
policy: group
columns:
  - { name: visit_id, type: text }
  - { name: person_id, type: text }
  - { name: biz_date, type: date }
  - { name: month, type: text }
  - { name: kind, type: text, values: [first, return] }
  - { name: fee_fen, type: int64 }
checks:
  - { name: fee_not_negative, expression: fee_fen >= 0 }
";
const SPENT: &str = "\
table: spent
grain: one person
key: [person_id]
policy: group
columns:
  - { name: person_id, type: text }
  - { name: visits, type: int64 }
  - { name: fee_fen, type: int64 }
checks:
  - name: adds_up
    query: >-
      select 1 from (select sum(fee_fen) as total from spent) s,
      (select sum(fee_fen) as total from visit) v where s.total <> v.total
";
const RECORD_SQL: &str = "select 'crm:' || id as record_id, name, card as key_card,
  mrn as key_mrn from raw.crm_customer";
const VISIT_SQL: &str = "select l.person_id, 'crm:' || v.id as visit_id, v.on as biz_date,
  month_of(v.on) as month, to_fen(v.fee) as fee_fen,
  case when row_number() over (partition by l.person_id order by v.on, v.id) = 1
    then 'first' else 'return' end as kind
  from raw.crm_visit v join hub.person_link l on l.record_id = 'crm:' || v.customer";
const SPENT_SQL: &str = "select person_id, count(*) as visits, sum(fee_fen) as fee_fen
  from hub.visit group by person_id";
const CUSTOMERS: &str = "id,name,card,mrn\nc1,Wang,X,\nc2,Wang Fang,X,7\nc3,Li,,7\nc4,Zhao,,\n";
const VISITS: &str = "id,customer,on,fee\n\
  v1,c1,2026-03-01,10.00\nv2,c2,2026-03-02,20.50\nv3,c4,2026-02-28,5.00\nv4,c3,2026-03-02,1.00\n";

/// Remembers every record it is given; may refuse from some record on.
#[derive(Default)]
struct Memory {
    runs: Mutex<Vec<Run>>,
    refuse_from: Option<usize>,
    suppressed: Mutex<HashSet<String>>,
    annotations: Mutex<Annotations>,
}

#[async_trait]
impl RunLog for Memory {
    async fn save(&self, run: &Run) -> Result<(), Cause> {
        let mut runs = self.runs.lock().expect("no holder panics");
        if self.refuse_from.is_some_and(|from| runs.len() >= from) {
            return Err("the state database is away".into());
        }
        runs.push(run.clone());
        Ok(())
    }

    async fn suppressed(&self) -> Result<HashSet<String>, Cause> {
        Ok(self.suppressed.lock().expect("no holder panics").clone())
    }

    async fn suppress(&self, digests: &[String]) -> Result<(), Cause> {
        self.suppressed.lock().expect("no holder panics").extend(digests.iter().cloned());
        Ok(())
    }

    async fn release(&self, digests: &[String]) -> Result<(), Cause> {
        self.suppressed.lock().expect("no holder panics").retain(|kept| !digests.contains(kept));
        Ok(())
    }

    async fn annotations(&self) -> Result<Annotations, Cause> {
        Ok(self.annotations.lock().expect("no holder panics").clone())
    }

    async fn forget_annotations(&self, records: &[String]) -> Result<(), Cause> {
        let mut kept = self.annotations.lock().expect("no holder panics");
        kept.tags.retain(|one| !records.contains(&one.record));
        kept.decisions.retain(|one| !records.contains(&one.left) && !records.contains(&one.right));
        Ok(())
    }
}

/// A project, its source files and its lake.
struct Bench {
    folder: TempDir,
    project: ProjectFiles,
}

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, number).expect("a day of March")
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("crm")).expect("a folder");
        let files = [
            ("schema/sources/crm.yaml", SOURCE),
            ("schema/tables/person_record.yaml", RECORD),
            ("schema/tables/person_link.yaml", LINK),
            ("schema/tables/visit.yaml", VISIT),
            ("schema/tables/spent.yaml", SPENT),
            ("queries/staging/crm/person_record.sql", RECORD_SQL),
            ("queries/staging/crm/visit.sql", VISIT_SQL),
            ("queries/marts/spent.sql", SPENT_SQL),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let bench = Self { folder, project: ProjectFiles { files: files.into() } };
        bench.source("customer", CUSTOMERS);
        bench.source("visit", VISITS);
        bench
    }

    fn source(&self, table: &str, text: &str) {
        let file = self.folder.path().join(format!("crm/{table}.csv"));
        std::fs::write(file, text).expect("a file");
    }

    /// Changes a project file.
    fn edit(&mut self, path: &str, from: &str, to: &str) {
        let text = self.project.files.get_mut(path).expect("a project file");
        assert!(text.contains(from), "{path} holds no {from}");
        *text = text.replace(from, to);
    }

    fn lake(&self) -> Lake {
        let url = format!("file://{}/lake", self.folder.path().display());
        Lake::open(&url, &BTreeMap::new()).expect("a lake")
    }

    fn nightly(&self, log: Arc<Memory>) -> Nightly {
        let contracts = Contracts::load(&self.project).expect("sound contracts");
        let registry = Registry::load(&self.project, &contracts).expect("sound queries");
        let path = self.folder.path().join("crm");
        let section = format!("{{ kind: csv, path: {} }}", path.display());
        let config = serde_saphyr::from_str(&section).expect("a section");
        let now = DateTime::from_timestamp(1_772_400_000, 0).expect("an instant");
        Nightly {
            lake: self.lake(),
            contracts: Arc::new(contracts),
            registry: Arc::new(registry),
            engine: EngineConfig::new(chrono_tz::Asia::Shanghai, b"key".to_vec()),
            sources: BTreeMap::from([("crm".to_owned(), config)]),
            definition_hash: self.project.definition_hash(),
            build_threads: 2,
            quarantine: Quarantine { sealer: None, max_share: 0.005 },
            clock: Arc::new(FixedClock(now)),
            log,
            switch: Arc::new(AlwaysOn),
            signals: None,
            upkeep: None,
            tenure: None,
            lineage: None,
        }
    }

    async fn night(&self, number: u32) -> Run {
        self.nightly(Arc::default()).run(&request(number), &Unwatched).await
    }

    async fn latest(&self) -> Option<Snapshot> {
        self.lake().latest().await.expect("readable")
    }

    /// Rows of `table` as the newest snapshot shows them, sorted.
    async fn shown(&self, table: &str) -> Vec<String> {
        let snapshot = self.latest().await.expect("a snapshot");
        self.rows(table, snapshot.tables[table]).await
    }

    async fn rows(&self, table: &str, version: u64) -> Vec<String> {
        let context = SessionContext::new();
        let provider = self.lake().provider(&TableId::hub(table), version).await;
        context.register_table("t", provider.expect("readable")).expect("registered");
        let frame = context.table("t").await.expect("a table");
        let batches = frame.collect().await.expect("rows");
        let text = arrow::util::pretty::pretty_format_batches(&batches).expect("text").to_string();
        let mut lines: Vec<String> = text.lines().skip(3).map(ToOwned::to_owned).collect();
        lines.sort();
        lines
    }

    /// Months of the files the newest commit of `table` adds and removes, sorted.
    async fn files_of(&self, table: &str) -> Vec<String> {
        let version = self.lake().table(&TableId::hub(table)).version().await;
        let version = version.expect("readable").expect("a version");
        let log =
            self.folder.path().join(format!("lake/hub/{table}/_delta_log/{version:020}.json"));
        let commit = std::fs::read_to_string(log).expect("a commit");
        let actions = commit.lines().filter_map(|line| {
            let action: serde_json::Value = serde_json::from_str(line).expect("an action");
            let path = |kind: &str| Some(action.get(kind)?["path"].as_str()?.to_owned());
            let added = path("add").map(|path| ('+', path));
            let (sign, path) = added.or_else(|| path("remove").map(|path| ('-', path)))?;
            Some(format!("{sign}{}", path.strip_prefix("month=")?.split('/').next()?))
        });
        let mut found: Vec<String> = actions.collect();
        found.sort();
        found
    }

    /// Everything the newest snapshot shows.
    async fn all_shown(&self) -> Vec<Vec<String>> {
        let mut tables = Vec::new();
        for table in ["person_record", "person_link", "visit", "spent"] {
            tables.push(self.shown(table).await);
        }
        tables
    }
}

fn request(number: u32) -> NightlyRequest {
    NightlyRequest::of(day(number))
}
