//! Whole extractions against a real lake in a private folder.

mod bad_input;
mod burden;
mod csv;
mod cursor;
mod drift;
mod files;
mod history;
mod mysql;
mod parquet;
mod paths;
mod postgres;
mod quarantine;
mod reconcile;
mod servers;
mod sqlite;
#[cfg(feature = "sqlserver")]
mod sqlserver;
mod windows;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, NaiveDate};
use datafusion::prelude::SessionContext;
use hub_domain::clock::FixedClock;
use hub_domain::contract::SourceContract;
use tempfile::TempDir;

use super::*;

/// A lake, a folder for sources and the contract of source `src`.
struct Bench {
    folder: TempDir,
    lake: Lake,
    contracts: Contracts,
    config: SourceConfig,
    switch: Arc<dyn StopSwitch>,
}

/// Key of sealed rows.
const KEY: &str = "0123456789abcdef";

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, number).expect("a day of March")
}

impl Bench {
    /// `contract` holds the tables of the contract, `config` the section of the source; `DIR`
    /// in it stands for the private folder.
    fn new(contract: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_string_lossy().into_owned();
        std::fs::create_dir(folder.path().join("lake")).expect("a folder");
        let lake = Lake::open(&format!("file://{path}/lake"), &BTreeMap::new()).expect("a lake");
        let mut contracts = Contracts::default();
        if !contract.is_empty() {
            let contract: SourceContract =
                serde_saphyr::from_str(&format!("{{ source: src, tables: {contract} }}"))
                    .expect("a contract");
            contracts.sources.insert("src".into(), contract);
        }
        let config = serde_saphyr::from_str(&config.replace("DIR", &path)).expect("a section");
        Self { folder, lake, contracts, config, switch: Arc::new(AlwaysOn) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn load_as(
        &self,
        date: NaiveDate,
        kind: LoadKind,
    ) -> Result<Vec<TableLoad>, ExtractError> {
        let load_id = format!("run-{date}");
        let now = DateTime::from_timestamp_micros(1_772_323_200_000_000).expect("an instant");
        let request = ExtractRequest {
            source: "src",
            config: &self.config,
            contracts: &self.contracts,
            lake: &self.lake,
            date,
            kind,
            zone: chrono_tz::Asia::Shanghai,
            load_id: &load_id,
            clock: Arc::new(FixedClock(now)),
            suppression: None,
            brake: Brake::new("src", &self.config.limits, Arc::clone(&self.switch)),
            sealer: Some(Arc::new(Sealer::new(KEY, []))),
        };
        extract_source(&request, &Unwatched).await
    }

    /// The nightly of a day of March; every table must account for every row.
    async fn night(&self, number: u32) -> Vec<TableLoad> {
        let loads = self.load_as(day(number), LoadKind::Nightly).await.expect("the night loads");
        for load in &loads {
            assert_eq!(load.rows_read, load.rows_loaded + load.rows_rejected(), "{load:?}");
            assert!(agrees(&load.reconciled), "{load:?}");
        }
        loads
    }

    async fn fails(&self, number: u32) -> String {
        let error = self.load_as(day(number), LoadKind::Nightly).await.expect_err("it fails");
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        text
    }

    async fn version(&self, table: &str) -> Option<u64> {
        self.lake.table(&TableId::raw("src", table)).version().await.expect("a log")
    }

    /// Answers `sql` over the raw table, registered as `raw`, one text line per row.
    async fn ask(&self, table: &str, sql: &str) -> Vec<String> {
        let id = TableId::raw("src", table);
        let version = self.version(table).await.expect("the table was landed");
        let provider = self.lake.provider(&id, version).await.expect("a provider");
        let context = SessionContext::new();
        context.register_table("raw", provider).expect("a name");
        let frame = context.sql(sql).await.expect("a plan");
        let mut lines = Vec::new();
        for batch in frame.collect().await.expect("an answer") {
            let options = FormatOptions::default().with_null("NULL");
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("a format"))
                .collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
                lines.push(cells.join(" "));
            }
        }
        lines
    }

    /// Answers `sql` over the raw table, registered as `raw`, each row by names of columns.
    async fn cells(&self, table: &str, sql: &str) -> Vec<BTreeMap<String, String>> {
        let id = TableId::raw("src", table);
        let version = self.version(table).await.expect("the table was landed");
        let provider = self.lake.provider(&id, version).await.expect("a provider");
        let context = SessionContext::new();
        context.register_table("raw", provider).expect("a name");
        let batches = context.sql(sql).await.expect("a plan").collect().await.expect("an answer");
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                let cell = |index: usize| {
                    let column = batch.column(index).as_ref();
                    let format = ArrayFormatter::try_new(column, &options).expect("a format");
                    (batch.schema().field(index).name().clone(), format.value(row).to_string())
                };
                rows.push((0..batch.num_columns()).map(cell).collect());
            }
        }
        rows
    }

    /// Current rows: of each key the newest landing, without deleted and refused ones.
    async fn current(&self, table: &str, key: &str, columns: &str) -> Vec<String> {
        let sql = format!(
            "SELECT {columns} FROM (SELECT *, row_number() OVER \
             (PARTITION BY {key} ORDER BY _load_seq DESC) AS age FROM raw \
             WHERE _reject_reason IS NULL) WHERE age = 1 AND NOT _deleted ORDER BY {key}"
        );
        self.ask(table, &sql).await
    }

    /// Refused rows as `reason column key`.
    async fn refused(&self, table: &str) -> Vec<String> {
        let sql = "SELECT _reject_reason, _reject_column, _reject_key FROM raw \
                   WHERE _reject_reason IS NOT NULL ORDER BY 1, 2, 3";
        self.ask(table, sql).await
    }
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[tokio::test]
async fn landed_rows_have_the_promised_shape() {
    let bench = Bench::new(
        "{ t: { key: [id], columns: { id: int64, b: 'text?' } } }",
        "{ kind: csv, path: DIR }",
    );
    std::fs::write(bench.path("t.csv"), "b,id\nx,1\n").expect("a file");
    bench.night(1).await;
    let provider =
        bench.lake.provider(&TableId::raw("src", "t"), 0).await.expect("the first version");
    let schema = provider.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(
        names,
        [
            "b",
            "id",
            "_load_id",
            "_extracted_at",
            "_load_seq",
            "_deleted",
            "_reject_reason",
            "_reject_column",
            "_reject_key",
            "_reject_sealed",
            "_recovered"
        ]
    );
    let lines = bench.ask("t", "SELECT * FROM raw").await;
    assert_eq!(lines, ["x 1 run-2026-03-01 2026-03-01T00:00:00Z 0 false NULL NULL NULL NULL NULL"]);
    let ids = bench.ask("t", "SELECT _load_id FROM raw").await;
    assert_eq!(ids, ["run-2026-03-01"]);
}
