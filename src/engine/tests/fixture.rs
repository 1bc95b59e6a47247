//! A lake of two sites. Everything of site B holds the sentinel `SECRET`: a principal of site A
//! that ever meets the word has seen what is not its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Utc};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use hub_domain::Principal;
use hub_domain::clock::FixedClock;
use hub_domain::project::ProjectFiles;
use hub_domain::snapshot::{Snapshot, SnapshotPick};
use hub_lake::{Contracts, Lake, TableId, Txn, WriteMode, WriteSpec, arrow_schema};
use tempfile::TempDir;

use crate::{Engine, EngineConfig, Registry, Session};

/// Contracts of the fixture.
const TABLES: &[(&str, &str)] = &[
    (
        "visit",
        "\
table: visit
grain: one row per visit
key: [visit_id]
partition_by: month
sort: [site_id, visit_id]
policy: { site: site_id }
columns:
  - { name: visit_id, type: text }
  - { name: person_id, type: text }
  - { name: site_id, type: text, nullable: true }
  - { name: biz_date, type: date }
  - { name: month, type: text }
  - { name: amount_fen, type: int64 }
  - { name: divisor, type: int64, nullable: true }
  - { name: code, type: text, nullable: true }
  - { name: arrived_at, type: timestamp, nullable: true }
",
    ),
    (
        "person",
        "\
table: person
grain: one row per person
key: [person_id]
sort: [person_id]
policy: { person: person_id }
columns:
  - { name: person_id, type: text }
  - { name: display_name, type: text, nullable: true, pii: P2 }
  - { name: his_mrn, type: text, nullable: true, pii: P2 }
  - { name: birth_date, type: date, nullable: true, pii: P2 }
  - { name: sex, type: text, nullable: true }
",
    ),
    (
        "person_site",
        "\
table: person_site
grain: one row per person and site
key: [person_id, site_id]
policy: { site: site_id }
columns:
  - { name: person_id, type: text }
  - { name: site_id, type: text }
",
    ),
    (
        "site",
        "\
table: site
grain: one row per site
key: [site_id]
policy: public
columns:
  - { name: site_id, type: text }
  - { name: name, type: text }
",
    ),
    (
        "payroll",
        "\
table: payroll
grain: one row per employee
key: [employee_id]
policy: group
columns:
  - { name: employee_id, type: text }
  - { name: note, type: text }
",
    ),
];

const METRICS: &str = "\
family: test
metrics:
  - { id: visits, label_zh: 就诊, label_en: visits, description: d, unit: count, direction: up,
      additive: true, type: simple, source: visit, aggregate: count, time: biz_date,
      dimensions: { site: site_id } }
  - { id: billed, label_zh: 应收, label_en: billed, description: d, unit: fen, direction: up,
      additive: true, type: simple, source: visit, aggregate: sum, expression: amount_fen,
      time: biz_date, dimensions: { site: site_id } }
  - { id: persons, label_zh: 人数, label_en: persons, description: d, unit: count, direction: up,
      type: simple, source: visit, aggregate: count_distinct, expression: person_id,
      filter: amount_fen >= 0, time: biz_date, dimensions: { site: site_id } }
  - { id: ticket, label_zh: 客单, label_en: ticket, description: d, unit: fen, direction: up,
      type: ratio, numerator: billed, denominator: visits }
  - { id: growth, label_zh: 环比, label_en: growth, description: d, unit: ratio, direction: up,
      type: ratio, numerator: visits, denominator: visits, denominator_offset: 1 }
  - { id: ratio_of_ratios, label_zh: 比, label_en: ratio, description: d, unit: fen,
      direction: up, type: ratio, numerator: ticket, denominator: persons }
  - { id: median, label_zh: 中位, label_en: median, description: d, unit: fen, direction: up,
      type: simple, source: visit, aggregate: median, expression: amount_fen, time: biz_date,
      dimensions: { site: site_id } }
  - { id: recent, label_zh: 近况, label_en: recent, description: d, unit: count, direction: up,
      type: cumulative, metric: persons, window: { days: 30 } }
  - { id: known, label_zh: 已知, label_en: known, description: d, unit: fen, direction: up,
      type: stock, source: visit, aggregate: sum, expression: amount_fen,
      stands: { reading: { time: biz_date, key: [person_id] } }, dimensions: { site: site_id } }
  - { id: repeat, label_zh: 复购, label_en: repeat, description: d, unit: ratio, direction: up,
      type: conversion, within: { after: 1, days: 40 },
      base: { source: visit, entity: person_id, time: biz_date, dimensions: { site: site_id } },
      event: { source: visit, entity: person_id, time: biz_date } }
  - { id: worth, label_zh: 价值, label_en: worth, description: d, unit: fen, direction: up,
      type: cohort, within: { days: 40 },
      base: { source: visit, entity: person_id, time: biz_date, dimensions: { site: site_id } },
      event: { source: visit, entity: person_id, time: biz_date, aggregate: sum,
        expression: amount_fen } }
  - { id: mixed, label_zh: 合, label_en: mixed, description: d, unit: fen, direction: up,
      type: derived, expression: (billed - known / 2) / visits + worth * repeat }
  - { id: hidden, label_zh: 藏, label_en: hidden, description: d, unit: count, direction: up,
      private: true, type: simple, source: visit, aggregate: count, time: biz_date,
      dimensions: { site: site_id } }
";

const DIMENSIONS: &str = "dimensions:\n  - { id: site, label_zh: 院区, label_en: site, label_table: site, label_key: site_id, label_column: name }\n";

/// Rows per table, as JSON lines.
pub(super) type Rows = BTreeMap<&'static str, String>;

/// `count` visits of each of `sites`, and what belongs to them.
pub(super) fn rows(sites: &[&str], count: usize) -> Rows {
    let mut rows = Rows::new();
    let mut add = |table: &'static str, line: String| {
        let text = rows.entry(table).or_default();
        text.push_str(&line);
        text.push('\n');
    };
    for site in ["A", "B"] {
        add("site", format!(r#"{{"site_id":"{site}","name":"site {site}"}}"#));
    }
    for site in sites {
        let secret = *site != "A";
        for n in 0..count {
            let person = format!("p_{site}{}", n % 7);
            let day = n % 28 + 1;
            let month = n % 3 + 1;
            let code = if secret { format!("SECRET-{n}") } else { format!("{n}") };
            let divisor = if secret { 0 } else { n % 5 + 1 };
            // Rows without a site belong to nobody but the group.
            let own = if *site == "none" { "null".into() } else { format!("\"{site}\"") };
            add(
                "visit",
                format!(
                    r#"{{"visit_id":"{site}{n}","person_id":"{person}","site_id":{own},"biz_date":"2026-{month:02}-{day:02}","month":"2026-{month:02}","amount_fen":{amount},"divisor":{divisor},"code":"{code}","arrived_at":"2026-{month:02}-{day:02}T01:00:00Z"}}"#,
                    amount = if secret { i64::MAX / 2 } else { n as i64 * 100 },
                ),
            );
        }
        for n in 0..count.min(7) {
            let person = format!("p_{site}{n}");
            let name = if secret { "SECRET" } else { "王小明" };
            add(
                "person",
                format!(
                    r#"{{"person_id":"{person}","display_name":"{name}{n}","his_mrn":"MRN000000{n}","birth_date":"199{n}-01-01","sex":"female"}}"#
                ),
            );
            if *site != "none" {
                add("person_site", format!(r#"{{"person_id":"{person}","site_id":"{site}"}}"#));
            }
        }
        if secret {
            add("payroll", format!(r#"{{"employee_id":"{site}","note":"SECRET"}}"#));
        }
    }
    rows
}

/// A lake with an engine over it; the folder goes away with it.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) lake: Lake,
    pub(super) contracts: Contracts,
    _folder: TempDir,
}

pub(super) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

pub(super) fn config() -> EngineConfig {
    EngineConfig::new(chrono_tz::Asia::Shanghai, b"test key".to_vec())
}

pub(super) fn contracts() -> Contracts {
    let mut project = ProjectFiles::default();
    for (name, text) in TABLES {
        project.files.insert(format!("schema/tables/{name}.yaml"), (*text).to_owned());
    }
    let source = "source: his\ntables:\n  t_jz:\n    key: [jzid]\n    columns: { jzid: int64, note: \"text?\" }\n";
    project.files.insert("schema/sources/his.yaml".into(), source.to_owned());
    Contracts::load(&project).expect("the fixture's contracts hold")
}

/// A registry of the fixture's metrics, without SQL files.
pub(super) fn registry() -> Registry {
    let family: hub_domain::metric::MetricFamily =
        serde_saphyr::from_str(METRICS).expect("metrics parse");
    #[derive(serde::Deserialize)]
    struct Dimensions {
        dimensions: Vec<hub_domain::metric::Dimension>,
    }
    let dimensions: Dimensions = serde_saphyr::from_str(DIMENSIONS).expect("dimensions parse");
    let mut registry = Registry::default();
    registry.metrics =
        family.metrics.into_iter().map(|metric| (metric.id.clone(), metric)).collect();
    registry.dimensions = dimensions.dimensions;
    registry
}

impl World {
    /// Nothing published.
    pub(super) fn empty(config: EngineConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("file://{}", folder.path().display());
        let lake = Lake::open(&url, &BTreeMap::new()).expect("a lake");
        let clock = Arc::new(FixedClock(instant("2026-04-01T00:00:00Z")));
        let contracts = contracts();
        let engine = Engine::new(config, lake.clone(), contracts.clone(), registry(), clock)
            .expect("an engine");
        Self { engine, lake, contracts, _folder: folder }
    }

    /// `rows` published as snapshot 1.
    pub(super) async fn with(config: EngineConfig, rows: &Rows) -> Self {
        let world = Self::empty(config);
        world.publish(1, rows).await;
        world
    }

    pub(super) async fn publish(&self, id: u64, rows: &Rows) {
        let mut tables = BTreeMap::new();
        for (name, contract) in &self.contracts.tables {
            let text = rows.get(name.as_str()).cloned().unwrap_or_default();
            let txn = Txn { app_id: "test".into(), version: id as i64 };
            let spec = WriteSpec::new(arrow_schema(contract), WriteMode::Overwrite, txn)
                .laid_out_as(contract);
            let version = self.write(&TableId::hub(name), spec, &text).await;
            tables.insert(name.clone(), version);
        }
        self.publish_tables(id, tables).await;
    }

    /// Writes JSON lines; the version they made.
    pub(super) async fn write(&self, table: &TableId, spec: WriteSpec, text: &str) -> u64 {
        let schema = Arc::clone(&spec.schema);
        let batches: Vec<Result<RecordBatch, datafusion::error::DataFusionError>> =
            ReaderBuilder::new(Arc::clone(&schema))
                .build(text.as_bytes())
                .expect("a reader")
                .map(|batch| Ok(batch.expect("rows fit their contract")))
                .collect();
        let stream = RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches));
        let written = self.lake.table(table).write(spec, Box::pin(stream)).await;
        written.expect("written").version
    }

    pub(super) async fn publish_tables(&self, id: u64, tables: BTreeMap<String, u64>) {
        let snapshot = Snapshot {
            id,
            business_date: "2026-03-31".parse().expect("a day"),
            published_at: instant(&format!("2026-04-0{id}T00:00:00Z")),
            run_id: format!("run-{id}"),
            tables,
            definition_hash: "hash".into(),
            audits: Vec::new(),
            rollback_of: None,
            lease_token: 0,
        };
        self.lake.publish(&snapshot).await.expect("published");
    }

    pub(super) async fn open(&self, principal: &Principal) -> Arc<Session> {
        self.engine.open(principal, SnapshotPick::Latest).await.expect("a session")
    }

    /// Answer of a user's statement: rows as text, sorted; or the error's code and text.
    pub(super) async fn ask(
        &self,
        principal: &Principal,
        sql: &str,
    ) -> Result<Vec<String>, String> {
        let session = self.open(principal).await;
        let answer = async { session.user_sql(sql).await?.collect().await };
        match answer.await {
            Ok(batches) => Ok(lines(&batches)),
            Err(error) => Err(format!("{}: {error}", error.code())),
        }
    }
}

pub(super) fn group() -> Principal {
    Principal::group("boss")
}

pub(super) fn site_a() -> Principal {
    Principal::site("clerk", ["A".to_owned()])
}

/// Rows as text, sorted.
pub(crate) fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let mut lines = Vec::new();
    let options = FormatOptions::default().with_null("NULL");
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).expect("printable"))
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(cells.join("|"));
        }
    }
    lines.sort();
    lines
}
