//! How many rows a table will probably deliver tonight: as many as the last night that read it
//! the same way. A table nobody read that way before has no estimate, and so no remaining time.

use std::collections::BTreeMap;

use hub_domain::page::PageRequest;
use hub_domain::run::{LoadStatus, Run};
use hub_pipeline::extract::SourceConfig;

use crate::app::App;

/// Past runs that are asked.
const RUNS: usize = 30;

/// Rows by source and table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expected(BTreeMap<(String, String), u64>);

impl Expected {
    /// What the runs of `app` say about its next night; nothing when they cannot be read.
    pub(super) async fn next_night(app: &App, full: bool) -> Self {
        let page = app.state.runs_page(&PageRequest { first: RUNS, after: None }).await;
        let runs: Vec<Run> = match page {
            Ok(page) => page.edges.into_iter().map(|edge| edge.node).collect(),
            Err(_) => Vec::new(),
        };
        Self::of(&runs, &app.config.sources, full)
    }

    /// `runs` are newest first.
    fn of(runs: &[Run], sources: &BTreeMap<String, SourceConfig>, full: bool) -> Self {
        let mode = |source: &str, table: &str| {
            let table = sources.get(source).and_then(|source| source.tables.get(table));
            match table.is_some_and(|table| table.cursor.is_some()) && !full {
                true => "cursor",
                false => "full",
            }
        };
        let mut rows = BTreeMap::new();
        for load in runs.iter().flat_map(|run| &run.loads) {
            let alike = load.mode == mode(&load.source, &load.table);
            if alike && load.status == LoadStatus::Loaded && load.rows_read > 0 {
                rows.entry((load.source.clone(), load.table.clone())).or_insert(load.rows_read);
            }
        }
        Self(rows)
    }

    /// Rows `table` of `source` will probably deliver.
    pub(super) fn rows(&self, source: &str, table: &str) -> Option<u64> {
        self.0.get(&(source.to_owned(), table.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use hub_domain::run::{RunStatus, TableLoad};

    use super::*;

    fn run(mode: &str, rows_read: u64) -> Run {
        let load = TableLoad {
            source: "his".into(),
            table: "t_jz".into(),
            mode: mode.into(),
            rows_read,
            ..TableLoad::default()
        };
        Run {
            id: String::new(),
            kind: "nightly".into(),
            business_date: chrono::NaiveDate::default(),
            interval: None,
            lease_token: None,
            started_at: chrono::DateTime::UNIX_EPOCH,
            finished_at: None,
            status: RunStatus::Published,
            snapshot_id: None,
            loads: vec![load],
            stages: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn the_last_read_of_the_same_kind_counts() {
        let text = "{ kind: sqlite, path: his.db, tables: { t_jz: { cursor: { column: at } } } }";
        let config: SourceConfig = serde_saphyr::from_str(text).expect("a section");
        let sources = BTreeMap::from([("his".to_owned(), config)]);
        let runs = [run("cursor", 12), run("cursor", 40), run("full", 9_000)];
        let expected = |full| Expected::of(&runs, &sources, full).rows("his", "t_jz");
        assert_eq!((expected(false), expected(true)), (Some(12), Some(9_000)));
        let first = Expected::of(&runs[2..], &sources, false);
        assert_eq!(first.rows("his", "t_jz"), None, "the first night says nothing of the second");
    }
}
