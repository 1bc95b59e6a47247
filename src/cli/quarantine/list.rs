//! `clinichub quarantine list`: how many rows, since when, and how large a share of the last load.

use std::collections::BTreeMap;
use std::process::ExitCode;

use hub_domain::page::PageRequest;
use hub_domain::run::{Run, TableLoad};
use hub_pipeline::extract::quarantined;

use super::super::print;
use super::super::table::table;
use super::tables;
use crate::app::App;

/// Runs looked at for dates and last loads.
const RUNS: usize = 200;

/// Rows of one table, column and reason.
struct Group {
    rows: u64,
    first: (i64, String),
    last: (i64, String),
}

pub(super) async fn run(app: &App) -> anyhow::Result<ExitCode> {
    let page = app.state.runs_page(&PageRequest { first: RUNS, after: None }).await?;
    let runs: Vec<Run> = page.edges.into_iter().map(|edge| edge.node).collect();
    let mut lines = Vec::new();
    for (source, name) in tables(app) {
        let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
        for row in quarantined(&app.lake, &source, &name).await? {
            let load = (row.load_seq, row.load_id);
            let group = groups.entry((row.column, row.reason)).or_insert_with(|| Group {
                rows: 0,
                first: load.clone(),
                last: load.clone(),
            });
            group.rows += 1;
            group.first = group.first.clone().min(load.clone());
            group.last = group.last.clone().max(load);
        }
        let last = last_load(&runs, &source, &name);
        for ((column, reason), group) in groups {
            let share = last.map(|load| share(load, &reason)).unwrap_or_default();
            let day = |load: &(i64, String)| day_of(&runs, &load.1);
            lines.push(vec![
                format!("{source}.{name}"),
                column,
                reason,
                group.rows.to_string(),
                day(&group.first),
                day(&group.last),
                share,
            ]);
        }
    }
    if lines.is_empty() {
        print("no row is in quarantine");
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["table", "column", "reason", "rows", "first load", "last load", "of last load"];
    print(&table(&head, &lines));
    Ok(ExitCode::SUCCESS)
}

fn last_load<'a>(runs: &'a [Run], source: &str, name: &str) -> Option<&'a TableLoad> {
    let mut loads = runs.iter().flat_map(|run| &run.loads);
    loads.find(|load| load.source == source && load.table == name)
}

/// Rows refused for `reason`, in hundredths of the rows the last load read.
fn share(load: &TableLoad, reason: &str) -> String {
    let refused = load.rejected.get(reason).copied().unwrap_or_default();
    match load.rows_read {
        0 => String::new(),
        read => format!("{:.2} %", refused as f64 * 100.0 / read as f64),
    }
}

/// Business date of the run; its id when it is too long ago.
fn day_of(runs: &[Run], id: &str) -> String {
    let run = runs.iter().find(|run| run.id == id);
    run.map_or_else(|| id.to_owned(), |run| run.business_date.to_string())
}
